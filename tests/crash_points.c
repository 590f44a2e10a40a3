/* Loaded into a program with LD_PRELOAD: stops it at one of its file operations.

   The operations on paths that start with $CRASH_FOLDER are counted, and each appends its name and
   its path as a line to $CRASH_LOG. Operation number $CRASH_AT (from 1) fails with the error number $CRASH_ERRNO. If that
   is 0, the process is killed instead: before the operation, or halfway through a write. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ORIGINAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static atomic_int operations;

void count_from_zero(void) { operations = 0; }

static int number(const char *variable) {
    const char *value = getenv(variable);
    return value ? atoi(value) : 0;
}

static void append_to_log(const char *name, const char *path) {
    const char *log = getenv("CRASH_LOG");
    int file = log ? ORIGINAL(open)(log, O_WRONLY | O_CREAT | O_APPEND, 0600) : -1;
    char line[5000];
    if (file >= 0) {
        ORIGINAL(write)(file, line, snprintf(line, sizeof line, "%s %s\n", name, path));
        close(file);
    }
}

/* Count an operation on a path; is this the one to stop at? */
static int is_crash_point(const char *name, const char *path) {
    const char *folder = getenv("CRASH_FOLDER");
    if (!folder || !path || strncmp(path, folder, strlen(folder))) return 0;
    append_to_log(name, path);
    return atomic_fetch_add(&operations, 1) + 1 == number("CRASH_AT");
}

static int is_crash_point_of_file(const char *name, int file) {
    char link[40], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_crash_point(name, path);
}

/* Kill the process, or return the result -1 of a failed operation. */
static int stop(void) {
    if (!number("CRASH_ERRNO")) {
        kill(getpid(), SIGKILL);
        pause();
    }
    errno = number("CRASH_ERRNO");
    return -1;
}

int rename(const char *from, const char *to) {
    return is_crash_point("rename", to) ? stop() : ORIGINAL(rename)(from, to);
}

int mkdir(const char *path, mode_t mode) {
    return is_crash_point("mkdir", path) ? stop() : ORIGINAL(mkdir)(path, mode);
}

int unlink(const char *path) {
    return is_crash_point("unlink", path) ? stop() : ORIGINAL(unlink)(path);
}

int rmdir(const char *path) {
    return is_crash_point("rmdir", path) ? stop() : ORIGINAL(rmdir)(path);
}

/* Python deletes the files in a folder with this one. */
int unlinkat(int folder, const char *path, int flags) {
    int stops = folder == AT_FDCWD ? is_crash_point("unlinkat", path)
                                   : is_crash_point_of_file("unlinkat", folder);
    return stops ? stop() : ORIGINAL(unlinkat)(folder, path, flags);
}

/* Python opens files with these two, TensorFlow with fopen. */
#define DEFINE_OPEN(name)                                                              \
    int name(const char *path, int flags, ...) {                                       \
        va_list arguments;                                                             \
        va_start(arguments, flags);                                                    \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                 \
        va_end(arguments);                                                             \
        int writes = flags & (O_WRONLY | O_RDWR);                                      \
        return writes && is_crash_point("open", path) ? stop()                         \
                                                      : ORIGINAL(name)(path, flags, mode); \
    }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

ssize_t write(int file, const void *data, size_t size) {
    if (!is_crash_point_of_file("write", file)) return ORIGINAL(write)(file, data, size);
    if (!number("CRASH_ERRNO")) ORIGINAL(write)(file, data, size / 2);
    return stop();
}

#define DEFINE_FOPEN(name)                                                             \
    FILE *name(const char *path, const char *mode) {                                   \
        int writes = mode[0] != 'r';                                                   \
        if (!writes || !is_crash_point("fopen", path)) return ORIGINAL(name)(path, mode); \
        stop();                                                                        \
        return NULL;                                                                   \
    }
DEFINE_FOPEN(fopen)
DEFINE_FOPEN(fopen64)

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    if (!is_crash_point_of_file("fwrite", fileno(file)))
        return ORIGINAL(fwrite)(data, size, count, file);
    if (!number("CRASH_ERRNO")) {
        ORIGINAL(fwrite)(data, 1, size * count / 2, file);
        ORIGINAL(fflush)(file);
    }
    stop();
    return 0;
}

int fflush(FILE *file) {
    return file && is_crash_point_of_file("fflush", fileno(file)) ? stop() : ORIGINAL(fflush)(file);
}
