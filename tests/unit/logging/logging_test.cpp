#include "logging/logging.h"

#include <Poco/TemporaryFile.h>
#include <spdlog/sinks/ostream_sink.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

using namespace nsq;
using Catch::Matchers::Contains;
using Catch::Matchers::Matches;

namespace {

/// A logger whose lines are kept.
struct Fixture {
    std::shared_ptr<spdlog::logger> make(const options::Options& options) {
        return logging::makeLogger(options, std::make_shared<spdlog::sinks::ostream_sink_mt>(lines));
    }

    /// What was logged since the last call.
    std::string take() {
        std::string text = lines.str();
        lines.str("");
        return text;
    }

    std::ostringstream lines;
};

const std::string kTime = R"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6})";

}  // namespace

TEST_CASE_METHOD(Fixture, "lines look like nsqd's") {
    const auto logger = make({});
    logger->info("TOPIC({}): created", "t");
    CHECK_THAT(take(), Matches(R"(\[nsqd\] )" + kTime + R"( INFO: TOPIC\(t\): created\n)"));
}

TEST_CASE_METHOD(Fixture, "the time is local, with microseconds") {
    const auto logger = make({});
    std::tm local{};
    local.tm_year = 2026 - 1900;
    local.tm_mon = 10;
    local.tm_mday = 22;
    local.tm_hour = 15;
    local.tm_min = 34;
    local.tm_sec = 36;
    local.tm_isdst = -1;
    const auto second = std::chrono::system_clock::from_time_t(std::mktime(&local));
    logger->log(second + std::chrono::microseconds(639378), {}, spdlog::level::info, "a");
    logger->log(second + std::chrono::nanoseconds(7999), {}, spdlog::level::info, "b");
    logger->log(second + std::chrono::seconds(1), {}, spdlog::level::info, "c");
    CHECK(take() ==
          "[nsqd] 2026/11/22 15:34:36.639378 INFO: a\n"
          "[nsqd] 2026/11/22 15:34:36.000007 INFO: b\n"
          "[nsqd] 2026/11/22 15:34:37.000000 INFO: c\n");
}

TEST_CASE_METHOD(Fixture, "levels have nsqd's names") {
    options::Options options;
    options.logLevel = options::LogLevel::kDebug;
    const auto logger = make(options);
    const auto [level, name] = GENERATE(table<spdlog::level::level_enum, std::string>({
        {spdlog::level::debug, "DEBUG"},
        {spdlog::level::info, "INFO"},
        {spdlog::level::warn, "WARNING"},
        {spdlog::level::err, "ERROR"},
        {spdlog::level::critical, "FATAL"},
    }));
    logger->log(level, "x");
    CHECK_THAT(take(), Contains(" " + name + ": x\n"));
}

TEST_CASE_METHOD(Fixture, "a level hides what is below it, and can change") {
    const auto level = GENERATE(options::LogLevel::kDebug, options::LogLevel::kInfo, options::LogLevel::kWarn,
                                options::LogLevel::kError, options::LogLevel::kFatal);
    const auto logger = make({});
    logger->set_level(logging::toSpdlog(level));
    logger->debug("x");
    logger->info("x");
    logger->warn("x");
    logger->error("x");
    logger->critical("x");
    const std::string text = take();
    CHECK(std::ranges::count(text, '\n') == 6 - static_cast<int>(level));
}

TEST_CASE_METHOD(Fixture, "a prefix may be anything") {
    options::Options options;
    options.logPrefix = GENERATE(as<std::string>{}, "", "%v %n %% {} ", "[é] ");
    make(options)->info("x");
    const std::string line = take();
    CHECK(line.starts_with(options.logPrefix + "20"));
    CHECK(line.ends_with(" INFO: x\n"));
}

TEST_CASE_METHOD(Fixture, "a message cannot forge a line") {
    make({})->info("a\nb\r\x1b[1m\x7f\té");
    CHECK_THAT(take(), Contains("INFO: a\\nb\\x0d\\x1b[1m\\x7f\\x09é\n"));
}

TEST_CASE("a log file is appended to, and each line is there at once") {
    Poco::TemporaryFile file;
    std::ofstream{file.path()} << "before\n";
    options::Options options;
    options.logFile = file.path();
    const auto logger = logging::makeLogger(options);
    REQUIRE(logger);
    logger.value()->info("after");
    std::stringstream content;
    content << std::ifstream{file.path()}.rdbuf();
    CHECK_THAT(content.str(), Matches("before\n\\[nsqd\\] " + kTime + " INFO: after\n"));
}

TEST_CASE("a log file that cannot be opened is refused in one line") {
    options::Options options;
    Poco::TemporaryFile directory;
    directory.createDirectory();
    options.logFile = directory.path() + GENERATE(as<std::string>{}, "", "/missing/file");
    const auto logger = logging::makeLogger(options);
    REQUIRE_FALSE(logger);
    CHECK_THAT(logger.error().text, Contains("option --log-file: ") && !Contains("\n"));
    CHECK_FALSE(Poco::File{directory.path() + "/missing"}.exists());
}
