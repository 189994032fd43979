//# isolate: image
//# p: 1
//# vp: 2
//# flags: -no-pie
//# exit: nonzero
//# expect-error: /-pie|position.independent|PIE/
//# expect-error: /relink/
//# expect-error: /--isolate=process/
//# expect-not: /ok on/
//# timeout: 20
// A program that is not position-independent cannot have private images: refused with the remedy.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    return FINISH("not position-independent");
}
