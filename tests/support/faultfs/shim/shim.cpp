#include "shim.h"

#include <cerrno>
#include <cstdlib>
#include <string>

namespace faultfs {

Shim& shim() {
    static Shim* const made = [] {
        const char* const control = std::getenv("FAULTFS_CONTROL");
        const std::string directory = control != nullptr ? control : "/nonexistent";
        return new Shim{Place{std::getenv("FAULTFS_DATA")},
                        Rules{directory + "/rules"},
                        {},
                        Journal{directory + "/journal"}};
    }();
    return *made;
}

int fail(int error) {
    errno = error;
    return -1;
}

}  // namespace faultfs
