// nsq_load: makes load on a server that speaks V2 and prints what it measured as one line of JSON.

#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "bench/http_client.h"
#include "bench/idle.h"
#include "bench/latency.h"
#include "bench/publish_command.h"
#include "bench/settings.h"
#include "bench/v2_client.h"
#include "nsq/sdk/message.h"

namespace nsq::bench {
namespace {

constexpr const char* kUsage =
    "usage: nsq_load MODE --port=N [--pid=N] [--topic=T] [--channel=C] [--messages=N] [--size=BYTES]\n"
    "                [--batch=N] [--connections=N] [--window=N] [--rdy=N] [--defer=MS] [--http-port=N]\n"
    "                [--rate=N] [--seconds=N] [--unbuffered=true]\n"
    "  MODE pub     publish --messages messages of --size bytes, PUB (--batch=1) or MPUB, or DPUB with "
    "--defer,\n"
    "               --window publishes ahead\n"
    "       sub     consume and finish --messages messages\n"
    "       both    the two at once, on as many connections each\n"
    "       topics  publish one message to each of --messages new topics, and create a channel in each\n"
    "       latency publish --rate messages a second for --seconds, and consume them: how long after the "
    "moment\n"
    "               a message was due the OK and the message come; with --unbuffered the server is asked not "
    "to\n"
    "               hold messages back\n"
    "       idle    subscribe --connections times, say so, and answer heartbeats until the input ends\n"
    "  --pid        the server's process, to report its CPU time a message\n";

Settings parse(int argc, char** argv) {
    if (argc < 2) throw std::invalid_argument("no mode");
    Settings settings;
    settings.mode = argv[1];
    for (int i = 2; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::size_t equals = argument.find('=');
        if (!argument.starts_with("--") || equals == std::string::npos) throw std::invalid_argument(argument);
        const std::string name = argument.substr(2, equals - 2);
        const std::string value = argument.substr(equals + 1);
        if (name == "topic")
            settings.topic = value;
        else if (name == "channel")
            settings.channel = value;
        else if (name == "port")
            settings.port = std::stoi(value);
        else if (name == "http-port")
            settings.httpPort = std::stoi(value);
        else if (name == "pid")
            settings.pid = std::stoi(value);
        else if (name == "messages")
            settings.messages = std::stoull(value);
        else if (name == "size")
            settings.size = std::stoull(value);
        else if (name == "batch")
            settings.batch = std::stoull(value);
        else if (name == "connections")
            settings.connections = std::stoull(value);
        else if (name == "window")
            settings.window = std::stoull(value);
        else if (name == "rdy")
            settings.rdy = std::stoull(value);
        else if (name == "defer")
            settings.deferMs = std::stoull(value);
        else if (name == "rate")
            settings.rate = std::stoull(value);
        else if (name == "seconds")
            settings.seconds = std::stoull(value);
        else if (name == "unbuffered")
            settings.unbuffered = value == "true";
        else
            throw std::invalid_argument(argument);
    }
    if (settings.port == 0) throw std::invalid_argument("--port is missing");
    if (settings.mode == "topics" && settings.httpPort == 0)
        throw std::invalid_argument("--http-port is missing");
    if (settings.deferMs > 0) settings.batch = 1;
    return settings;
}

/// Publishes `messages`, with at most `window` publishes unanswered.
void publish(const Settings& settings, std::uint64_t messages) {
    V2Client client{settings.port};
    const std::string full = publishCommand(settings, settings.batch);
    std::uint64_t unanswered = 0;
    while (messages > 0) {
        const std::uint64_t batch = std::min(settings.batch, messages);
        client.send(batch == settings.batch ? full : publishCommand(settings, batch));
        messages -= batch;
        if (++unanswered == settings.window) {
            client.expectOk();
            --unanswered;
            while (unanswered > 0 && client.hasFrame()) {
                client.expectOk();
                --unanswered;
            }
        }
    }
    for (; unanswered > 0; --unanswered) client.expectOk();
}

/// Consumes until all subscribers together have had `messages`.
void subscribe(const Settings& settings, std::atomic<std::int64_t>& left) {
    V2Client client{settings.port};
    client.send("SUB " + settings.topic + " " + settings.channel + "\n");
    client.expectOk();
    client.send("RDY " + std::to_string(settings.rdy) + "\n");
    std::string finishes;
    while (left.load(std::memory_order_relaxed) > 0) {
        std::int64_t got = 0;
        finishes.clear();
        do {
            const V2Client::Frame frame = client.receive();
            if (frame.type != sdk::frame::kTypeMessage) continue;
            finishes += "FIN ";
            finishes +=
                sdk::asText(frame.data.subspan(sdk::frame::kIdOffset - 8, sdk::MessageId::kTextLength));
            finishes += '\n';
            ++got;
        } while (client.hasFrame());
        client.send(finishes);
        if (left.fetch_sub(got, std::memory_order_relaxed) <= got) left.notify_all();
    }
}

/// One message to each of many topics, and one channel in each.
void makeTopics(const Settings& settings) {
    const auto nameOf = [&](std::uint64_t number) { return settings.topic + std::to_string(number); };
    V2Client publisher{settings.port};
    HttpClient administrator{settings.httpPort};
    for (std::uint64_t from = 0; from < settings.messages; from += settings.window) {
        const std::uint64_t to = std::min(from + settings.window, settings.messages);
        Settings one = settings;
        one.batch = 1;
        std::string commands;
        std::string requests;
        for (std::uint64_t i = from; i < to; ++i) {
            one.topic = nameOf(i);
            commands += publishCommand(one, 1);
            requests +=
                HttpClient::post("/channel/create?topic=" + nameOf(i) + "&channel=" + settings.channel);
        }
        publisher.send(commands);
        for (std::uint64_t i = from; i < to; ++i) publisher.expectOk();
        administrator.send(requests);
        for (std::uint64_t i = from; i < to; ++i) administrator.expectOk();
    }
}

/// User and system time of a process so far, in seconds.
double cpuSeconds(int pid) {
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

void run(const Settings& settings) {
    if (settings.mode == "idle") return holdIdle(settings);
    const bool publishes = settings.mode == "pub" || settings.mode == "both";
    const bool subscribes = settings.mode == "sub" || settings.mode == "both";
    const bool makes = settings.mode == "topics";
    const bool measures = settings.mode == "latency";
    if (!publishes && !subscribes && !makes && !measures) throw std::invalid_argument(settings.mode);
    std::atomic<std::int64_t> left{static_cast<std::int64_t>(settings.messages)};
    Latency latency;
    const double cpuBefore = settings.pid != 0 ? cpuSeconds(settings.pid) : 0;
    const auto begin = std::chrono::steady_clock::now();
    if (makes) makeTopics(settings);
    if (measures) latency = measureLatency(settings);
    std::vector<std::thread> publishers;
    std::vector<std::thread> subscribers;
    for (std::uint64_t i = 0; (publishes || subscribes) && i < settings.connections; ++i) {
        const std::uint64_t share =
            settings.messages / settings.connections + (i < settings.messages % settings.connections ? 1 : 0);
        if (subscribes) subscribers.emplace_back(orDie([&] { subscribe(settings, left); }));
        if (publishes) publishers.emplace_back(orDie([&, share] { publish(settings, share); }));
    }
    for (std::thread& thread : publishers) thread.join();
    // A subscriber may be waiting for a message another one had: the clock stops with the last message.
    for (std::int64_t now = left.load(); subscribes && now > 0; now = left.load()) left.wait(now);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const auto messages = static_cast<double>(measures ? latency.messages : settings.messages);
    std::printf("{\"mode\":\"%s\",\"messages\":%llu,\"seconds\":%.3f,\"rate\":%.0f", settings.mode.c_str(),
                static_cast<unsigned long long>(messages), seconds.count(), messages / seconds.count());
    if (settings.pid != 0) {
        std::printf(",\"server_cpu_us\":%.3f", (cpuSeconds(settings.pid) - cpuBefore) * 1e6 / messages);
    }
    if (measures) {
        printPercentiles("acknowledged_us", latency.acknowledged);
        printPercentiles("received_us", latency.received);
    }
    std::printf("}\n");
    std::fflush(stdout);
    std::_Exit(0);
}

}  // namespace
}  // namespace nsq::bench

int main(int argc, char** argv) {
    try {
        nsq::bench::run(nsq::bench::parse(argc, argv));
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "nsq_load: %s\n%s", failure.what(), nsq::bench::kUsage);
        return 2;
    }
}
