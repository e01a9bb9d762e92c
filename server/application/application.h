#pragma once

#include <Poco/Util/ServerApplication.h>

#include <memory>
#include <string>
#include <vector>

#include "application/launch.h"

namespace nsq::app {

/// Runs a prepared server until SIGINT, SIGTERM or SIGQUIT; at SIGHUP it reloads. --daemon and --pidfile are
/// Poco's. Those signals are blocked in every thread and taken by main only, one at a time: a second one
/// waits, and does nothing.
class Application final : public Poco::Util::ServerApplication {
public:
    explicit Application(std::unique_ptr<Launch> launch) : launch_(std::move(launch)) {}

    /// Returns the exit code. `program` is argv[0].
    int run(const std::string& program);

protected:
    int main(const std::vector<std::string>& arguments) override;

private:
    std::unique_ptr<Launch> launch_;
};

/// The whole program: reads the options and does what they ask. `path` is argv[0], `arguments` are those
/// behind it. Returns the exit code; why it does not start is one line on standard error.
int runProgram(options::Program program, const std::string& path, const std::vector<std::string>& arguments);

}  // namespace nsq::app
