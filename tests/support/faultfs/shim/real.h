#pragma once

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>

namespace faultfs {

/// The function of this name that comes after this library's own: libc's, or a sanitizer's.
template <typename Function>
Function* real(const char* name) {
    void* const found = ::dlsym(RTLD_NEXT, name);
    if (found == nullptr) {
        std::fprintf(stderr, "faultfs: no %s to call\n", name);
        std::abort();
    }
    return reinterpret_cast<Function*>(found);
}

}  // namespace faultfs

/// Defines `next`, the real function behind the one being intercepted.
#define FAULTFS_NEXT(function) static auto* const next = ::faultfs::real<decltype(::function)>(#function)

/// In front of a function that the program is to find instead of libc's.
#define FAULTFS_INTERCEPT extern "C" __attribute__((visibility("default")))
