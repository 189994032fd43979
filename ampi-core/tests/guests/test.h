/* What guest programs of the loader's tests use of the test host (examples/guest_host.rs). */
#ifdef __cplusplus
extern "C" {
#endif
void ampi_test_yield(void);
int ampi_test_rank(void);
int ampi_test_ranks(void);
int ampi_test_symbol(unsigned long address, char *to);
#ifdef __cplusplus
}
#endif
#define CHECK(c) do { if (!(c)) { printf("rank %d: %s:%d: %s is false\n", ampi_test_rank(), __FILE__, __LINE__, #c); return 1; } } while (0)
