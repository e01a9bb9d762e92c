#pragma once

#include <spdlog/formatter.h>

#include <ctime>
#include <memory>
#include <string>

namespace nsq::logging {

/// Lines as nsqd writes them: `[nsqd] 2026/11/22 15:34:36.639378 INFO: TOPIC(t): created`, in local time.
/// Control characters are written as \n or \x1b, so that no client can forge a line. THREAD: the sink's lock.
class LineFormatter final : public spdlog::formatter {
public:
    explicit LineFormatter(std::string prefix) : prefix_(std::move(prefix)) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override;
    std::unique_ptr<spdlog::formatter> clone() const override;

private:
    std::string prefix_;
    std::time_t second_ = -1;  ///< the one date_ is about
    std::string date_;         ///< "2026/11/22 15:34:36"
};

}  // namespace nsq::logging
