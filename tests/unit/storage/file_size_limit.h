#pragma once

#include <signal.h>
#include <sys/resource.h>

namespace nsq::test {

/// No file of this process can be written beyond `bytes`, as on a full disk, until this goes: what fits is
/// written, then a write fails with EFBIG.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) : signal_(::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        rlimit now = before_;
        now.rlim_cur = bytes;
        ::setrlimit(RLIMIT_FSIZE, &now);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        ::signal(SIGXFSZ, signal_);
    }

private:
    using Handler = void (*)(int);
    const Handler signal_;
    rlimit before_{};
};

}  // namespace nsq::test
