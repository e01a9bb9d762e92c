// nsq_load: makes load on a server that speaks V2 and prints what it measured as one line of JSON.

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bench/idle.h"
#include "bench/latency.h"
#include "bench/publisher.h"
#include "bench/settings.h"
#include "bench/subscriber.h"
#include "bench/topics.h"

namespace nsq::bench {
namespace {

/// User and system time of a process so far, in seconds.
double cpuSeconds(std::uint64_t pid) {
    std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
    std::string line;
    std::getline(file, line);
    std::istringstream fields{line.substr(line.rfind(')') + 2)};
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// What is measured starts when it is made, and ends when it prints.
class Measurement {
public:
    explicit Measurement(const Settings& settings)
        : settings_(settings), cpuBefore_(settings.pid != 0 ? cpuSeconds(settings.pid) : 0) {}

    /// Prints the rate, the server's CPU time, and what `more` prints, as one line.
    template <typename More>
    void print(std::uint64_t messages, const More& more) const {
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
        const double cpu = settings_.pid != 0 ? cpuSeconds(settings_.pid) - cpuBefore_ : 0;
        const auto count = static_cast<double>(messages);
        std::printf("{\"mode\":\"%s\",\"messages\":%.0f,\"seconds\":%.3f,\"rate\":%.0f",
                    settings_.mode.c_str(), count, seconds.count(), count / seconds.count());
        if (settings_.pid != 0) std::printf(",\"server_cpu_us\":%.3f", cpu * 1e6 / count);
        more();
        std::printf("}\n");
        std::fflush(stdout);
    }
    void print(std::uint64_t messages) const {
        print(messages, [] {});
    }

private:
    const Settings& settings_;
    const double cpuBefore_;
    const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

/// Ends the program with a message: a benchmark whose client failed measures nothing.
template <typename Work>
auto orDie(Work work) {
    return [work] {
        try {
            work();
        } catch (const std::exception& failure) {
            std::fprintf(stderr, "nsq_load: %s\n", failure.what());
            std::_Exit(1);
        }
    };
}

/// Publishers, subscribers or both. Everybody is connected before it begins.
void transfer(const Settings& settings, bool publishes, bool subscribes) {
    std::atomic<std::int64_t> left{static_cast<std::int64_t>(settings.messages)};
    const std::uint64_t threads = std::min(settings.threads, settings.connections);
    const auto share = [&](std::uint64_t whole, std::uint64_t number) {
        return whole * (number + 1) / threads - whole * number / threads;
    };
    std::vector<std::unique_ptr<Publishers>> publishers;
    std::vector<std::unique_ptr<Subscribers>> subscribers;
    for (std::uint64_t i = 0; i < threads; ++i) {
        const std::uint64_t connections = share(settings.connections, i);
        if (subscribes) subscribers.push_back(std::make_unique<Subscribers>(settings, connections, left));
        if (publishes)
            publishers.push_back(
                std::make_unique<Publishers>(settings, connections, share(settings.messages, i)));
    }
    const Measurement measurement{settings};
    std::vector<std::thread> subscribing;
    std::vector<std::thread> publishing;
    for (const auto& each : subscribers) subscribing.emplace_back(orDie([&] { each->run(); }));
    for (const auto& each : publishers) publishing.emplace_back(orDie([&] { each->run(); }));
    for (std::thread& thread : publishing) thread.join();
    // A subscriber may be waiting for a message another one had: the clock stops with the last message.
    for (std::int64_t now = left.load(); subscribes && now > 0; now = left.load()) left.wait(now);
    measurement.print(settings.messages);
    if (settings.mode == "hold") std::getchar();
    std::_Exit(0);
}

void run(const Settings& settings) {
    const std::string& mode = settings.mode;
    if (mode == "idle") return holdIdle(settings);
    if (mode == "topics") {
        const Measurement measurement{settings};
        makeTopics(settings);
        return measurement.print(settings.messages);
    }
    if (mode == "latency") {
        const Measurement measurement{settings};
        const Latency latency = measureLatency(settings);
        return measurement.print(latency.messages, [&] {
            printPercentiles("acknowledged_us", latency.acknowledged);
            printPercentiles("received_us", latency.received);
        });
    }
    const bool subscribes = mode == "sub" || mode == "requeue" || mode == "hold";
    if (mode != "pub" && mode != "both" && !subscribes) throw std::invalid_argument(mode);
    transfer(settings, mode == "pub" || mode == "both", mode == "both" || subscribes);
}

}  // namespace
}  // namespace nsq::bench

int main(int argc, char** argv) {
    try {
        nsq::bench::run(nsq::bench::parseSettings(argc, argv));
    } catch (const std::invalid_argument& wrong) {
        std::fprintf(stderr, "nsq_load: %s\n%s", wrong.what(), nsq::bench::kUsage);
        return 2;
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "nsq_load: %s\n", failure.what());
        return 1;
    }
}
