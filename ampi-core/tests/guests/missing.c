/* Calls a function that nobody defines. */
void defined_nowhere(void);
int main(int argc, char **argv) { (void)argv; if (argc > 0) defined_nowhere(); return 0; }
