#include "options/command_line.h"

#include <catch2/catch.hpp>

#include <vector>

#include "options/option_table.h"

using namespace nsq::options;
using namespace std::chrono_literals;
using Arguments = std::vector<std::string>;

namespace {

nsq::sdk::Result<Options> parse(const Arguments& arguments) {
    return parseCommandLine(arguments, Options{});
}

Options parsed(const Arguments& arguments) {
    const auto options = parse(arguments);
    if (!options) FAIL(options.error().text);
    return options.value();
}

struct Refusal {
    Arguments arguments;
    std::string text;
};

}  // namespace

TEST_CASE("a flag can be spelled in four ways") {
    const Arguments arguments = GENERATE(values<Arguments>({
        {"--max-rdy-count=7"},
        {"-max-rdy-count=7"},
        {"--max-rdy-count", "7"},
        {"-max-rdy-count", "7"},
    }));
    CHECK(parsed(arguments).maxRdyCount == 7);
}

TEST_CASE("every option that takes a value takes the next argument, a bool does not") {
    for (const OptionSpec& spec : optionTable(Program::kNsqd)) {
        CAPTURE(spec.flag);
        const auto options = parse({"--" + std::string(spec.flag)});
        if (isSwitch(spec)) {
            // --daemon alone asks for --log-file, which shows that it was understood; so does --tls-required.
            CHECK((options || options.error().text.find("needs --") != std::string::npos));
        } else {
            REQUIRE_FALSE(options);
            CHECK(options.error().text == "option --" + std::string(spec.flag) + ": needs a value");
        }
    }
}

TEST_CASE("bools may be bare or have a value behind an equals sign") {
    CHECK(parsed({"--verbose"}).verbose);
    CHECK(parsed({"-verbose"}).verbose);
    CHECK(parsed({"--verbose=true"}).verbose);
    CHECK_FALSE(parsed({"--verbose=false"}).verbose);
    CHECK_FALSE(parsed({"--http-api=0"}).httpApi);
    CHECK_FALSE(parse({"--verbose", "false"}));
}

TEST_CASE("help can be asked for in short") {
    CHECK(parsed({"-h"}).help);
    CHECK(parsed({"--help"}).help);
}

TEST_CASE("values may be empty, begin with a dash or hold an equals sign") {
    CHECK(parsed({"--log-prefix="}).logPrefix.empty());
    CHECK(parsed({"--log-prefix", "-x"}).logPrefix == "-x");
    CHECK(parsed({"--log-prefix", ""}).logPrefix.empty());
    CHECK(parsed({"--log-prefix=a=b"}).logPrefix == "a=b");
}

TEST_CASE("only the HTTP address may be empty: then there is no HTTP") {
    CHECK(parsed({"--http-address="}).httpAddress.empty());
    CHECK_FALSE(parse({"--tcp-address="}));
}

TEST_CASE("the last of a flag wins, a repeatable one is a list") {
    CHECK(parsed({"--node-id=1", "--node-id=2"}).nodeId == 2);
    CHECK(parsed({"--plugin=a", "--plugin", "b"}).plugins == std::vector<std::string>{"a", "b"});
}

TEST_CASE("an empty least version of TLS is the default, as in nsqd's example file") {
    CHECK(parsed({"--tls-min-version="}).tlsMinVersion == TlsVersion::kTls10);
}

TEST_CASE("a policy for the certificates of clients implies that TLS is required") {
    const std::vector<std::string> files{"--tls-cert=c", "--tls-key=k"};
    const auto required = [&](std::vector<std::string> more) {
        more.insert(more.end(), files.begin(), files.end());
        return parsed(more).tlsRequired;
    };
    CHECK(required({}) == TlsRequired::kNone);
    CHECK(required({"--tls-client-auth-policy="}) == TlsRequired::kNone);
    CHECK(required({"--tls-client-auth-policy=require"}) == TlsRequired::kAll);
    CHECK(required({"--tls-client-auth-policy=require-verify", "--tls-required=tcp-https"}) ==
          TlsRequired::kTcp);
    CHECK(required({"--tls-required"}) == TlsRequired::kAll);
    CHECK(required({"--tls-required=false"}) == TlsRequired::kNone);
}

TEST_CASE("addresses of lookupds have a host and a port") {
    const Arguments good{"a:4160", "[::1]:1", ":65535"};
    Arguments flags;
    for (const std::string& address : good) flags.push_back("--lookupd-tcp-address=" + address);
    CHECK(parsed(flags).lookupdTcpAddresses == good);
    for (const std::string address : {"", "a", "/a/path", "a:", "a:0", "a:65536", "a:x", "::1:4160"}) {
        CAPTURE(address);
        const auto options = parse({"--lookupd-tcp-address=" + address});
        REQUIRE_FALSE(options);
        CHECK(options.error().text.starts_with("option --lookupd-tcp-address: \"" + address +
                                               "\" is not an address: "));
    }
}

TEST_CASE("numbers may be in one flag or in many, and are sorted") {
    using Numbers = std::vector<double>;
    CHECK(parsed({"--e2e-processing-latency-percentile=0.5,1.0,0.99"}).latencyPercentiles ==
          Numbers{1.0, 0.99, 0.5});
    CHECK(parsed({"--e2e-processing-latency-percentile=0.5", "--e2e-processing-latency-percentile=0.9,.95"})
              .latencyPercentiles == Numbers{0.95, 0.9, 0.5});
}

TEST_CASE("each type is read into its field") {
    const Options options =
        parsed({"--msg-timeout=1m30s", "--max-msg-size=0x400", "--log-level=WARN", "--data-path=/data",
                "--tcp-address=:0", "--min-output-buffer-timeout=1ms"});
    CHECK(options.msgTimeout == 90s);
    CHECK(options.maxMsgSize == 1024);
    CHECK(options.logLevel == LogLevel::kWarn);
    CHECK(options.dataPath == "/data");
    CHECK(options.tcpAddress == ":0");
    CHECK(options.minOutputBufferTimeout == 1ms);
}

TEST_CASE("what is wrong on the command line is refused in one line that names it") {
    const Refusal refusal = GENERATE(values<Refusal>({
        {{"--bogus"}, "unknown option --bogus"},
        {{"-bogus=1"}, "unknown option -bogus"},
        {{"---node-id=1"}, "unknown option ---node-id"},
        {{"--"}, "unknown option --"},
        {{"--max_rdy_count=1"}, "unknown option --max_rdy_count"},
        {{"--tls-cert=x"}, "option --tls-cert: needs --tls-key"},
        {{"--tls-key=x"}, "option --tls-key: needs --tls-cert"},
        {{"--tls-required"}, "option --tls-required: needs --tls-cert and --tls-key"},
        {{"--tls-client-auth-policy=require"},
         "option --tls-client-auth-policy: needs --tls-cert and --tls-key"},
        {{"--tls-client-auth-policy=maybe"},
         "option --tls-client-auth-policy: \"maybe\" is not one of require, require-verify"},
        {{"--tls-required=maybe"}, "option --tls-required: \"maybe\" is not true, false or tcp-https"},
        {{"--tls-min-version=tls1"},
         "option --tls-min-version: \"tls1\" is not a version of TLS (tls1.0, tls1.1, tls1.2, tls1.3)"},
        {{"--max-deflate-level=10"}, "option --max-deflate-level: 10 is out of range, which is 1 to 9"},
        {{"word"}, "unexpected argument \"word\": options begin with --"},
        {{"-"}, "unexpected argument \"-\": options begin with --"},
        {{"--node-id"}, "option --node-id: needs a value"},
        {{"--node-id=x"}, "option --node-id: \"x\" is not an integer of 64 bits"},
        {{"--node-id=1024"}, "option --node-id: 1024 is out of range, which is 0 to 1023"},
        {{"--node-id=-1"}, "option --node-id: -1 is out of range, which is 0 to 1023"},
        {{"--max-msg-size=0"}, "option --max-msg-size: 0 is out of range, which is 1 to 2147483647"},
        {{"--msg-timeout=60"}, "option --msg-timeout: \"60\" is not a duration such as 250ms, 1.5s or 1h30m"},
        {{"--max-req-timeout=-1s"},
         "option --max-req-timeout: -1s is out of range, which is 0s to 640511h56m49s213ms693us951ns"},
        {{"--log-level=loud"},
         "option --log-level: \"loud\" is not a log level (debug, info, warn, error, fatal)"},
        {{"--verbose=2"}, "option --verbose: \"2\" is not true or false"},
        {{"--plugin="}, "option --plugin: \"\" is not a name or a path"},
        {{"--http-address=x:y"},
         "option --http-address: \"x:y\" is not an address: the port must be a number of 0 to 65535"},
        {{"--min-output-buffer-timeout=2s", "--max-output-buffer-timeout=1s"},
         "option --min-output-buffer-timeout: 2s is more than --max-output-buffer-timeout, 1s"},
        {{"--e2e-processing-latency-percentile=0.5,0"},
         "option --e2e-processing-latency-percentile: \"0\" is not a number more than 0 and at most 1"},
        {{"--e2e-processing-latency-percentile=nan"},
         "option --e2e-processing-latency-percentile: \"nan\" is not a number more than 0 and at most 1"},
        {{"--e2e-processing-latency-percentile=0.5,,1"},
         "option --e2e-processing-latency-percentile: \"\" is not a number more than 0 and at most 1"},
        {{"--e2e-processing-latency-percentile=1.01"},
         "option --e2e-processing-latency-percentile: \"1.01\" is not a number more than 0 and at most 1"},
        {{"--statsd-address=localhost"},
         "option --statsd-address: \"localhost\" is not a host and a port, as in localhost:8125"},
        {{"--statsd-address=:8125"},
         "option --statsd-address: \":8125\" is not a host and a port, as in localhost:8125"},
        {{"--statsd-address=h:0"},
         "option --statsd-address: \"h:0\" is not a host and a port, as in localhost:8125"},
        {{"--statsd-address=h:p"},
         "option --statsd-address: \"h:p\" is not an address: the port must be a number of 0 to 65535"},
        {{"--statsd-udp-packet-size=0"},
         "option --statsd-udp-packet-size: 0 is out of range, which is 1 to 65507"},
        {{"--daemon"}, "option --daemon: needs --log-file, for a daemon has no standard error"},
        {{"--config=/does/not/exist"},
         "config file /does/not/exist: cannot be read: No such file or directory"},
    }));
    const auto options = parse(refusal.arguments);
    REQUIRE_FALSE(options);
    CHECK(options.error().text == refusal.text);
}

TEST_CASE("a token is never shown") {
    for (const auto* bad : {"", "s3 cret", "s3cret\n"}) {
        const auto options = parse({"--http-auth-token", bad});
        REQUIRE_FALSE(options);
        CHECK(options.error().text ==
              "option --http-auth-token: not a token, which is of visible ASCII characters without spaces");
    }
    CHECK(parsed({"--http-auth-token=s3cret"}).httpAuthToken == "s3cret");
    const auto both = parse({"--http-auth-token=s3cret", "--http-auth-token-file=/f"});
    REQUIRE_FALSE(both);
    CHECK(both.error().text ==
          "option --http-auth-token-file: not with --http-auth-token, which is a token as well");
}

TEST_CASE("nothing given leaves the defaults") {
    Options defaults;
    defaults.nodeId = 617;
    const auto options = parseCommandLine({}, defaults);
    REQUIRE(options);
    CHECK(options.value().nodeId == 617);
    CHECK(options.value().tcpAddress == "0.0.0.0:4150");
    CHECK(options.value().maxBodySize == 5242880);
}

TEST_CASE("the default node id is computed as nsqd does") {
    // 617 is what nsqd 1.3.0 says on a host of this name.
    CHECK(defaultNodeId("vm") == 617);
    CHECK(hostDefaults(Program::kNsqd).nodeId >= 0);
    CHECK(hostDefaults(Program::kNsqd).nodeId < 1024);
    CHECK(hostDefaults(Program::kNsqd).ioThreads >= 1);
    CHECK_FALSE(hostDefaults(Program::kNsqd).broadcastAddress.empty());
}

TEST_CASE("limits come from the options") {
    const auto limits =
        toLimits(parsed({"--max-msg-size=1", "--max-body-size=2", "--max-rdy-count=3", "--msg-timeout=4s",
                         "--max-msg-timeout=5s", "--max-req-timeout=6s", "--max-heartbeat-interval=7s",
                         "--max-output-buffer-size=80", "--max-output-buffer-timeout=9s",
                         "--min-output-buffer-timeout=100us", "--output-buffer-timeout=11ms"}));
    CHECK(limits.maxMsgSize == 1);
    CHECK(limits.maxBodySize == 2);
    CHECK(limits.maxRdyCount == 3);
    CHECK(limits.msgTimeout == 4s);
    CHECK(limits.maxMsgTimeout == 5s);
    CHECK(limits.maxReqTimeout == 6s);
    CHECK(limits.maxHeartbeatInterval == 7s);
    CHECK(limits.maxOutputBufferSize == 80);
    CHECK(limits.maxOutputBufferTimeout == 9s);
    CHECK(limits.minOutputBufferTimeout == 1ms);
    CHECK(limits.outputBufferTimeout == 11ms);
}
