// A plug-in in C++ that throws: the exception is caught by the program, and its type has one identity.
#include <stdexcept>
#include <string>
static std::string kept = "constructed by the plug-in";
extern "C" const char *thrower_text() { return kept.c_str(); }
extern "C" void thrower_throw(int value)
{
    kept += " and changed";
    throw std::out_of_range("plug-in refuses " + std::to_string(value));
}
