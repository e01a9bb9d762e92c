#include "bench/settings.h"

#include <map>
#include <stdexcept>

namespace nsq::bench {

namespace {

const std::map<std::string, std::string Settings::*> kTexts{{"topic", &Settings::topic},
                                                            {"channel", &Settings::channel}};
const std::map<std::string, std::uint64_t Settings::*> kNumbers{
    {"port", &Settings::port},
    {"http-port", &Settings::httpPort},
    {"pid", &Settings::pid},
    {"messages", &Settings::messages},
    {"size", &Settings::size},
    {"batch", &Settings::batch},
    {"connections", &Settings::connections},
    {"threads", &Settings::threads},
    {"window", &Settings::window},
    {"rdy", &Settings::rdy},
    {"defer", &Settings::deferMs},
    {"due", &Settings::dueMs},
    {"msg-timeout", &Settings::msgTimeoutMs},
    {"rate", &Settings::rate},
    {"seconds", &Settings::seconds},
};

const std::map<std::string, TransportKind> kTransports{{"plain", TransportKind::kPlain},
                                                       {"tls", TransportKind::kTls},
                                                       {"snappy", TransportKind::kSnappy},
                                                       {"deflate", TransportKind::kDeflate}};

void assign(Settings& settings, const std::string& argument) {
    const std::size_t equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string::npos) throw std::invalid_argument(argument);
    const std::string name = argument.substr(2, equals - 2);
    const std::string value = argument.substr(equals + 1);
    if (const auto text = kTexts.find(name); text != kTexts.end()) {
        settings.*text->second = value;
    } else if (const auto number = kNumbers.find(name); number != kNumbers.end()) {
        settings.*number->second = std::stoull(value);
    } else if (name == "transport") {
        const auto transport = kTransports.find(value);
        if (transport == kTransports.end()) throw std::invalid_argument(argument);
        settings.transport = transport->second;
    } else if (name == "unbuffered") {
        settings.unbuffered = value == "true";
    } else {
        throw std::invalid_argument(argument);
    }
}

}  // namespace

const char* const kUsage =
    "usage: nsq_load MODE --port=N [--pid=N] [--topic=T] [--channel=C] [--messages=N] [--size=BYTES]\n"
    "                [--batch=N] [--connections=N] [--threads=N] [--window=N] [--rdy=N] [--defer=MS]\n"
    "                [--due=MS] [--msg-timeout=MS] [--http-port=N] [--rate=N] [--seconds=N]\n"
    "                [--unbuffered=true] [--transport=tls|snappy|deflate]\n"
    "  MODE pub     publish --messages messages of --size bytes, PUB (--batch=1) or MPUB, --window\n"
    "               publishes ahead; DPUB with --defer, or with --due, which is from the begin on\n"
    "       sub     consume and finish --messages messages\n"
    "       both    the two at once, on as many connections each\n"
    "       requeue consume --messages messages, and requeue each without a delay\n"
    "       hold    consume --messages messages, say so, and answer none until the input ends\n"
    "       topics  publish one message to each of --messages new topics, and create a channel in each\n"
    "       latency publish --rate messages a second for --seconds, and consume them: how long after\n"
    "               the moment a message was due the OK and the message come; with --unbuffered the\n"
    "               server is asked not to hold messages back\n"
    "       idle    subscribe --connections times, say so, and answer heartbeats until the input ends\n"
    "  --pid        the server's process, to report its CPU time a message\n"
    "  --threads    that the connections are spread over\n";

Settings parseSettings(int argc, char** argv) {
    if (argc < 2) throw std::invalid_argument("no mode");
    Settings settings;
    settings.mode = argv[1];
    for (int i = 2; i < argc; ++i) assign(settings, argv[i]);
    if (settings.port == 0) throw std::invalid_argument("--port is missing");
    if (settings.mode == "topics" && settings.httpPort == 0)
        throw std::invalid_argument("--http-port is missing");
    for (const auto& [name, number] : {std::pair{"connections", settings.connections},
                                       {"threads", settings.threads},
                                       {"window", settings.window},
                                       {"batch", settings.batch}})
        if (number == 0) throw std::invalid_argument(std::string("--") + name + " must not be 0");
    if (settings.deferMs > 0 || settings.dueMs > 0) settings.batch = 1;
    return settings;
}

}  // namespace nsq::bench
