#include "application/application.h"

#include <sys/resource.h>

#include <csignal>
#include <iostream>

#include "application/export_command.h"
#include "application/server.h"
#include "application/start_error.h"
#include "application/version.h"
#include "options/command_line.h"
#include "options/help.h"

namespace nsq::app {

namespace {

/// Before the first thread, which inherits it.
void prepareSignals() {
    std::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of its socket
    sigset_t termination;
    sigemptyset(&termination);
    for (const int signal : {SIGINT, SIGTERM, SIGQUIT}) sigaddset(&termination, signal);
    pthread_sigmask(SIG_BLOCK, &termination, nullptr);
}

/// A connection needs a file descriptor; as many as the system allows.
void raiseFileLimit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/// The log may be a file nobody looks at now.
void report(const Launch& launch, const std::string& text) {
    launch.logger->critical("{}", text);
    if (!launch.options.logFile.empty()) std::cerr << "nsqd: " << text << '\n';
}

/// An address of this machine for what listens on all of them.
std::string reachable(const std::string& address) {
    for (const std::string_view all : {"0.0.0.0:", "[::]:"}) {
        if (address.starts_with(all)) return "127.0.0.1:" + address.substr(all.size());
    }
    return address;
}

/// TCP, HTTP, and a command that publishes; what there is of them.
void printAddresses(const Launch& launch) {
    std::cout << "TCP:     " << reachable(launch.tcp.address()) << std::endl;
    if (launch.httpReadonly) {
        std::cout << "Read-only HTTP: " << reachable(launch.httpReadonly->address()) << std::endl;
    }
    if (!launch.http) return;
    const std::string http = reachable(launch.http->address());
    const bool isUnix = launch.http->port() < 0;
    std::cout << "HTTP:    " << http << '\n'
              << "Publish: curl -d 'hello world' "
              << (launch.options.httpAuthToken.empty() ? "" : "-H \"Authorization: Bearer $TOKEN\" ")
              << (isUnix ? "--unix-socket '" + http + "' 'http://localhost" : "'http://" + http)
              << "/pub?topic=test'" << std::endl;
}

int printVersion(options::Options options) {
    std::cout << versionLine() << '\n';
    if (!options.verbose) return 0;
    resolvePaths(options);
    for (const auto& plugin : loadPlugins(options)->list()) {
        std::cout << "plugin " << plugin.name << ' ' << plugin.version << " (" << plugin.file.string()
                  << ")\n";
    }
    return 0;
}

}  // namespace

int Application::run(const std::string& program) {
    // Poco would refuse options it does not know; it gets its own only.
    std::vector<std::string> arguments{program};
    if (launch_->options.daemon) arguments.emplace_back("--daemon");
    if (!launch_->options.pidfile.empty()) arguments.push_back("--pidfile=" + launch_->options.pidfile);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return ServerApplication::run(static_cast<int>(argv.size()), argv.data());
}

int Application::main(const std::vector<std::string>&) {
    const Launch& launch = *launch_;
    Server server{std::move(launch_)};
    const auto fail = [&](ExitStatus status, const std::string& text) {
        server.stop();
        report(launch, text);
        return static_cast<int>(status);
    };
    try {
        server.start();
    } catch (const StartError& error) {
        return fail(error.status(), error.what());
    } catch (const Poco::Exception& error) {
        return fail(ExitStatus::kFailed, error.displayText());
    } catch (const std::exception& error) {
        return fail(ExitStatus::kFailed, error.what());
    }
    if (launch.options.printAddresses) printAddresses(launch);
    waitForTerminationRequest();
    const ExitStatus status = server.stop() ? ExitStatus::kStopped : ExitStatus::kFailed;
    launch.logger->info("NSQ: bye");
    return static_cast<int>(status);
}

int runProgram(const std::string& program, const std::vector<std::string>& arguments) {
    const auto options = options::parseCommandLine(arguments, options::hostDefaults());
    if (!options) throw StartError(ExitStatus::kBadOption, options.error().text);
    if (options.value().help) {
        std::cout << options::helpText();
        return 0;
    }
    if (options.value().version) return printVersion(options.value());
    if (!options.value().exportDiskqueue.empty()) return exportDiskqueue(options.value());
    prepareSignals();
    raiseFileLimit();
    Application application{prepareLaunch(options.value())};
    return application.run(program);
}

}  // namespace nsq::app
