#include "application/token_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <system_error>

#include "net/blocked_signals.h"
#include "net/fd.h"
#include "options/values.h"

namespace nsq::app {

namespace {

constexpr std::chrono::seconds kInterval{1};

/// A larger file is not a token's (chosen, bytes).
constexpr std::size_t kMaxSize = 4096;

sdk::Error unusable(const std::filesystem::path& file, std::string_view why) {
    return {sdk::ErrorCode::kInvalid,
            fmt::format("option --http-auth-token-file: {}: {}", file.string(), why)};
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kSpace);
    return first == std::string_view::npos ? std::string_view{}
                                           : text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

}  // namespace

sdk::Result<std::string> readTokenFile(const std::filesystem::path& file) {
    // Not to wait for the writer of a pipe.
    const net::Fd opened{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    std::array<char, kMaxSize + 1> content;
    const ssize_t size = opened.get() < 0 ? -1 : ::read(opened.get(), content.data(), content.size());
    if (size < 0) {
        return unusable(file, fmt::format("cannot be read: {}", std::generic_category().message(errno)));
    }
    if (static_cast<std::size_t>(size) > kMaxSize) return unusable(file, "is too large for a token");
    const std::string_view token = trimmed({content.data(), static_cast<std::size_t>(size)});
    if (!options::isToken(token)) {
        return unusable(file, "holds no token, which is of visible ASCII characters without spaces");
    }
    return std::string{token};
}

TokenFile::TokenFile(std::filesystem::path file, http::BearerToken& token, spdlog::logger& logger)
    : file_(std::move(file)), token_(token), logger_(logger) {
    const net::BlockedSignals blocked;
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "token-file");
}

TokenFile::~TokenFile() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void TokenFile::run() {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, kInterval, [this] { return stopping_; })) {
        lock.unlock();
        readAgain();
        lock.lock();
    }
}

void TokenFile::readAgain() {
    const auto token = readTokenFile(file_);
    if (!token) {
        if (!failing_) logger_.error("{}; the last token is still in force", token.error().text);
    } else if (token_.replace(token.value())) {
        logger_.info("HTTP: a new token was read from {}", file_.string());
    }
    failing_ = !token;
}

}  // namespace nsq::app
