/* closure: a C function pointer made at run time, for callbacks into a host that is not C.
 *
 * The signature is written as a result letter and the parameters' letters in brackets, "i(pp)" for
 * int32_t f(void *, void *): v void, i int32_t, u uint32_t, l int64_t, L uint64_t, z size_t,
 * d double, p pointer. The closure lives until it is freed; freeing it while the code is
 * reachable from C is the caller's error. */
#ifndef KEVY_FFI_CLOSURE_H
#define KEVY_FFI_CLOSURE_H

#include "caller.h"

typedef struct abi_closure abi_closure;

/* Called for each call of the code: reads count arguments, writes *result unless it is void. */
typedef void (*abi_handler)(void *context, const abi_slot *arguments, size_t count,
                            abi_slot *result);

/* NULL when the signature is malformed or has more than ABI_MOST_PARAMS parameters, memory ran out,
 * or the machine forbids executable memory. */
abi_closure *abi_closure_new(const char *signature, abi_handler handler, void *context);

/* The function pointer, to be cast to the signature's type. */
void (*abi_closure_code(const abi_closure *closure))(void);

/* NULL is allowed. */
void abi_closure_free(abi_closure *closure);

#endif
