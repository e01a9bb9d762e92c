// Changes a directory in every way the library intercepts, from several threads too, so that the test can
// compare the replayed journal with the directory. Argument: a directory to make.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

namespace {

void require(bool succeeded, const char* what) {
    if (succeeded) return;
    std::perror(what);
    std::exit(1);
}

#define REQUIRE(call) require((call) >= 0, #call)

void positions() {
    const int fd = ::open("positions", O_CREAT | O_RDWR, 0600);
    REQUIRE(::write(fd, "abcdefgh", 8));
    iovec parts[] = {{const_cast<char*>("ijk"), 3}, {const_cast<char*>("lmnop"), 5}};
    REQUIRE(::writev(fd, parts, 2));
    REQUIRE(::pwrite(fd, "PWRITE", 6, 2000));
    REQUIRE(::pwrite64(fd, "PWRITE64", 8, 3000));
    REQUIRE(::pwritev(fd, parts, 2, 511));
    REQUIRE(::pwritev64(fd, parts, 2, 1020));
    REQUIRE(::lseek(fd, 5, SEEK_SET));
    REQUIRE(::write(::dup(fd), "through a copy", 14));
    REQUIRE(::ftruncate(fd, 2990));
    REQUIRE(::ftruncate(fd, 4000));
    REQUIRE(::fallocate(fd, 0, 3500, 1000));
    REQUIRE(::fallocate(fd, FALLOC_FL_KEEP_SIZE, 4000, 1000));
    require(::posix_fallocate(fd, 4500, 100) == 0, "posix_fallocate");
    REQUIRE(::fdatasync(fd));
    REQUIRE(::truncate("positions", 4400));
    require(::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 100) < 0, "a hole");
    REQUIRE(::close(fd));
}

void appending() {
    const int fd = ::openat(AT_FDCWD, "appended", O_CREAT | O_WRONLY | O_APPEND, 0600);
    for (int i = 0; i < 10; ++i) REQUIRE(::write(fd, "appended ", 9));
    REQUIRE(::close(fd));
    const int more = ::open("appended", O_WRONLY | O_APPEND);
    REQUIRE(::write(more, "at the end", 10));
    REQUIRE(::pwrite(more, "and here too", 12, 5));  // Linux appends, whatever the offset
    REQUIRE(::close(more));
    const int again = ::open("emptied", O_CREAT | O_WRONLY, 0600);
    REQUIRE(::write(again, "and filled again", 16));
    REQUIRE(::close(again));
    const int anew = ::open("emptied", O_WRONLY | O_TRUNC | O_DSYNC);
    REQUIRE(::write(anew, "anew", 4));
    REQUIRE(::close(anew));
    REQUIRE(::close(::creat("created", 0600)));
}

void names() {
    REQUIRE(::mkdir("one", 0700));
    const int one = ::open("one", O_RDONLY | O_DIRECTORY);
    REQUIRE(::mkdirat(one, "two", 0700));
    const int fd = ::openat(one, "two/file", O_CREAT | O_WRONLY, 0600);
    REQUIRE(::rename("one/two/file", "one/renamed"));
    REQUIRE(::write(fd, "written after the rename", 24));
    REQUIRE(::renameat(one, "renamed", AT_FDCWD, "moved"));
    REQUIRE(::renameat2(one, "two", one, "three", RENAME_NOREPLACE));
    REQUIRE(::fsync(one));
    REQUIRE(::close(::openat(one, "short-lived", O_CREAT | O_WRONLY, 0600)));
    REQUIRE(::unlinkat(one, "short-lived", 0));
    REQUIRE(::rmdir("one/three/"));
    REQUIRE(::unlink("created"));
    REQUIRE(::close(fd));
    REQUIRE(::close(one));
}

void standardLibrary() {
    fs::create_directories("std/a/b/c");
    std::ofstream{"std/a/stream"} << "through a stream\n";
    std::ofstream{"std/a/stream", std::ios::app} << std::string(20000, 'x');
    fs::copy_file("std/a/stream", "std/a/b/copy");
    fs::resize_file("std/a/b/copy", 1000);
    fs::rename("std/a/b", "std/moved");
    fs::create_directories("std/gone/deep");
    std::ofstream{"std/gone/deep/file"} << "x";
    fs::remove_all("std/gone");
    std::ofstream{"std/removed"} << "x";
    fs::remove("std/removed");
    std::ofstream{"std/a/stream", std::ios::trunc} << "short";
}

void threads() {
    std::vector<std::thread> writers;
    const int fd = ::open("threads", O_CREAT | O_RDWR, 0600);
    for (int t = 0; t < 4; ++t) {
        writers.emplace_back([t, fd] {
            const std::string own(700, static_cast<char>('a' + t));
            for (int i = 0; i < 200; ++i) {
                REQUIRE(::pwrite(fd, own.data(), own.size(), i % 20 * 300));
                if (i % 10 == t) REQUIRE(::fdatasync(fd));
            }
        });
    }
    for (std::thread& writer : writers) writer.join();
    REQUIRE(::close(fd));
}

}  // namespace

int main(int, char** arguments) {
    REQUIRE(::mkdir(arguments[1], 0700));
    REQUIRE(::chdir(arguments[1]));
    positions();
    appending();
    names();
    standardLibrary();
    threads();
}
