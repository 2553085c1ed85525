/* A stand-in for the library of NVIDIA's driver: one GPU, whose memory is this process's own.

   Copies to the host are done at cuStreamSynchronize and not before, so that whoever does not wait
   reads what was there. `stand_in_gpus` says whether there is a GPU (less than nought: its driver was
   updated, and the kernel was not), `stand_in_live` how many pieces
   of memory were allocated and not freed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { OK = 0, INVALID_VALUE = 1, NO_DEVICE = 100, INVALID_CONTEXT = 201, MISMATCH = 803 };

int stand_in_gpus = 0, stand_in_live = 0;
static _Thread_local int entered = 0;

struct copy { void *to; const void *from; size_t size; };
static struct copy waiting[256];
static int count = 0;

int cuInit(unsigned flags) { return stand_in_gpus < 0 ? MISMATCH : stand_in_gpus ? OK : NO_DEVICE; }
int cuDeviceGet(int *device, int number) { *device = number; return stand_in_gpus ? OK : NO_DEVICE; }
int cuDeviceGetName(char *name, int size, int device) { strncpy(name, "Stand-in GPU", size); return OK; }
int cuDeviceGetAttribute(int *value, int what, int device) {
    *value = what == 75 ? 8 : what == 76 ? 7 : 0;
    return OK;
}
int cuDriverGetVersion(int *version) { *version = 12060; return OK; }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &count; return OK; }
int cuDevicePrimaryCtxRelease_v2(int device) { return OK; }
int cuCtxSetCurrent(void *context) { entered = context != 0; return OK; }
int cuStreamCreate(void **stream, unsigned flags) { *stream = waiting; return entered ? OK : INVALID_CONTEXT; }
int cuStreamDestroy_v2(void *stream) { return OK; }
int cuStreamSynchronize(void *stream) {
    for (int i = 0; i < count; i++) memcpy(waiting[i].to, waiting[i].from, waiting[i].size);
    count = 0;
    return entered ? OK : INVALID_CONTEXT;
}
static int allocated(void **place, size_t size) {
    if (!entered) return INVALID_CONTEXT;
    *place = malloc(size);
    memset(*place, 0x7f, size); /* what nobody wrote is seen */
    stand_in_live++;
    return OK;
}
static int freed(void *place) { free(place); stand_in_live--; return OK; }
int cuMemAlloc_v2(uint64_t *place, size_t size) { return allocated((void **)place, size); }
int cuMemFree_v2(uint64_t place) { return freed((void *)place); }
int cuMemHostAlloc(void **place, size_t size, unsigned flags) { return allocated(place, size); }
int cuMemFreeHost(void *place) { return freed(place); }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream) {
    if (!entered) return INVALID_CONTEXT;
    memcpy((void *)to, from, size);
    return OK;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *stream) {
    if (!entered || count == 256) return INVALID_CONTEXT;
    waiting[count++] = (struct copy){to, (const void *)from, size};
    return OK;
}
int cuGetErrorString(int status, const char **text) {
    *text = status == INVALID_CONTEXT ? "invalid device context" : "an error";
    return OK;
}
