#include "application/application.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "application/export_command.h"
#include "application/server.h"
#include "application/start_error.h"
#include "application/version.h"
#include "faults/calling.h"
#include "options/command_line.h"
#include "options/help.h"

namespace nsq::app {

namespace {

sigset_t awaitedSignals() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGQUIT, SIGHUP}) sigaddset(&signals, signal);
    return signals;
}

/// Returns when the server is to stop.
void serve(Server& server) {
    const sigset_t awaited = awaitedSignals();
    int signal = 0;
    while (sigwait(&awaited, &signal) == 0 && signal == SIGHUP) server.reload();
}

/// Before the first thread, which inherits it.
void prepareSignals() {
    std::signal(SIGPIPE, SIG_IGN);  // a client that went away is an error of its socket
    const sigset_t awaited = awaitedSignals();
    pthread_sigmask(SIG_BLOCK, &awaited, nullptr);
}

/// A connection needs a file descriptor; as many as the system allows.
void raiseFileLimit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

void complain(options::Program program, std::string_view text) {
    std::cerr << options::programName(program) << ": " << text << '\n';
}

/// The log may be a file nobody looks at now.
void report(const Launch& launch, const std::string& text) {
    launch.logger->critical("{}", text);
    if (!launch.options.logFile.empty()) complain(launch.options.program, text);
}

/// An address of this machine for what listens on all of them.
std::string reachable(const std::string& address) {
    for (const std::string_view all : {"0.0.0.0:", "[::]:"}) {
        if (address.starts_with(all)) return "127.0.0.1:" + address.substr(all.size());
    }
    return address;
}

/// A command that publishes over plain HTTP.
void printPublish(const Launch& launch) {
    const std::string http = reachable(launch.http->address());
    const bool isUnix = launch.http->port() < 0;
    std::cout << "Publish: curl -d 'hello world' "
              << (launch.options.httpAuthToken.empty() ? "" : "-H \"Authorization: Bearer $TOKEN\" ")
              << (isUnix ? "--unix-socket '" + http + "' 'http://localhost" : "'http://" + http)
              << "/pub?topic=test'\n";
}

/// A line for each of TCP, HTTP and HTTPS, and one for publishing where there is a broker.
void printAddresses(const Launch& launch) {
    std::cout << "TCP:     " << reachable(launch.tcp.address()) << '\n';
    if (launch.http) std::cout << "HTTP:    " << reachable(launch.http->address()) << '\n';
    if (launch.https) std::cout << "HTTPS:   " << reachable(launch.https->address()) << '\n';
    if (launch.httpReadonly)
        std::cout << "Read-only HTTP: " << reachable(launch.httpReadonly->address()) << '\n';
    if (launch.data && launch.http && launch.options.tlsRequired != options::TlsRequired::kAll)
        printPublish(launch);
    std::cout << std::flush;
}

/// A thread that hangs in a plugin's code would run on beside destructors. Poco removes the pid file in
/// those.
[[noreturn]] void endAtOnce(const Launch& launch, ExitStatus status) {
    launch.logger->flush();
    if (!launch.options.pidfile.empty()) ::unlink(launch.options.pidfile.c_str());
    std::_Exit(static_cast<int>(status));
}

int printVersion(options::Options options) {
    std::cout << versionLine(options.program) << '\n';
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
        if (server.isHanging()) endAtOnce(launch, status);
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
    serve(server);
    const ExitStatus status = server.stop() ? ExitStatus::kStopped : ExitStatus::kFailed;
    launch.logger->info("NSQ: bye");
    if (server.isHanging()) endAtOnce(launch, status);
    return static_cast<int>(status);
}

namespace {

/// Throws StartError.
int runOptions(options::Program program, const std::string& path, const std::vector<std::string>& arguments) {
    const auto options = options::parseCommandLine(arguments, options::hostDefaults(program));
    if (!options) throw StartError(ExitStatus::kBadOption, options.error().text);
    if (options.value().help) {
        std::cout << options::helpText(program);
        return 0;
    }
    if (options.value().version) return printVersion(options.value());
    if (!options.value().exportDiskqueue.empty()) return exportDiskqueue(options.value());
    prepareSignals();
    faults::nameCulpritAtTerminate();
    raiseFileLimit();
    Application application{prepareLaunch(options.value())};
    return application.run(path);
}

}  // namespace

int runProgram(options::Program program, const std::string& path, const std::vector<std::string>& arguments) {
    try {
        return runOptions(program, path, arguments);
    } catch (const StartError& error) {
        complain(program, error.what());
        return static_cast<int>(error.status());
    } catch (const std::exception& error) {
        complain(program, error.what());
        return static_cast<int>(ExitStatus::kFailed);
    }
}

}  // namespace nsq::app
