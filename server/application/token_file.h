#pragma once

#include <spdlog/logger.h>

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "http/bearer_token.h"
#include "nsq/sdk/result.h"

namespace nsq::app {

/// The token in a file: all of it but white space around. The error names the file, and never what is in it.
/// THREAD: any.
sdk::Result<std::string> readTokenFile(const std::filesystem::path& file);

/// Keeps a token as its file has it: reads the file every second, on a thread of its own, so that who
/// replaces it has nobody to tell, and no restart to make. That also sees what a watch would miss: a file
/// that is mounted, or a link that is set to another one. The last token stays when the file cannot be read,
/// which is logged once.
class TokenFile {
public:
    /// The others outlive it. Throws std::system_error when there is no thread left. THREAD: main.
    TokenFile(std::filesystem::path file, http::BearerToken& token, spdlog::logger& logger);
    TokenFile(const TokenFile&) = delete;
    TokenFile& operator=(const TokenFile&) = delete;

    /// Joins the thread. THREAD: main.
    ~TokenFile();

private:
    void run();
    void readAgain();

    const std::filesystem::path file_;
    http::BearerToken& token_;
    spdlog::logger& logger_;
    bool failing_ = false;  ///< THREAD: its own

    std::mutex mutex_;  ///< guards stopping_
    std::condition_variable wake_;
    bool stopping_ = false;
    std::thread thread_;  ///< the last member: uses the others
};

}  // namespace nsq::app
