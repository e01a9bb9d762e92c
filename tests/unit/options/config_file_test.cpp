#include "options/config_file.h"

#include <Poco/TemporaryFile.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "options/assign.h"
#include "options/command_line.h"
#include "options/option_table.h"

using namespace nsq::options;
using namespace std::chrono_literals;

namespace {

/// A configuration file that is gone after the test.
class File {
public:
    explicit File(const std::string& content) { std::ofstream{file_.path(), std::ios::binary} << content; }
    std::string path() const { return file_.path(); }

private:
    Poco::TemporaryFile file_;
};

Options read(const std::string& content, Options options = {}) {
    const File file{content};
    const auto done = readConfigFile(options, file.path());
    if (!done) FAIL(done.error().text);
    return options;
}

struct Refusal {
    std::string content;
    std::string text;  ///< behind "config file PATH, line "
};

}  // namespace

TEST_CASE("a file sets options under their own names") {
    const Options options = read(R"(
        # as nsqd's own example has it
        id = 12
        log_level = "error"
        tcp_address = "127.0.0.1:1"
        mem_queue_size = 5
        msg_timeout = "1m30s"
        max_msg_timeout = 2500
        max_req_timeout = "0"
        max_rdy_count = "0x10"
        verbose = "true"
        http_api = false
        plugins = ["a", "/b.so"]
    )");
    CHECK(options.nodeId == 12);
    CHECK(options.logLevel == LogLevel::kError);
    CHECK(options.tcpAddress == "127.0.0.1:1");
    CHECK(options.memQueueSize == 5);
    CHECK(options.msgTimeout == 90s);
    CHECK(options.maxMsgTimeout == 2500ms);
    CHECK(options.maxReqTimeout == 0s);
    CHECK(options.maxRdyCount == 16);
    CHECK(options.verbose);
    CHECK_FALSE(options.httpApi);
    CHECK(options.plugins == std::vector<std::string>{"a", "/b.so"});
}

TEST_CASE("every option with a key can stand in the file with its default") {
    for (const OptionSpec& spec : optionTable(Program::kNsqd)) {
        if (spec.key.empty()) continue;
        CAPTURE(spec.key);
        const std::string value =
            defaultText(Program::kNsqd, spec) == "none" ? "" : defaultText(Program::kNsqd, spec);
        const std::string text = isRepeatable(spec) ? "[]" : '"' + value + '"';
        if (!spec.defaultNote.empty() || spec.flag == "log-prefix") continue;
        if (spec.isSecret) continue;  // an empty token would guard nothing: it is refused
        const File file{std::string{spec.key} + " = " + text};
        Options options;
        CHECK(readConfigFile(options, file.path()));
    }
}

TEST_CASE("numbers can be an array, or a text with commas, and keep their order") {
    using Numbers = std::vector<double>;
    CHECK(read("e2e_processing_latency_percentiles = [0.5, 1, 0.99]").latencyPercentiles ==
          Numbers{0.5, 1.0, 0.99});
    CHECK(read("e2e_processing_latency_percentiles = [\"0.5\", \"0.9\"]").latencyPercentiles ==
          Numbers{0.5, 0.9});
    CHECK(read("e2e_processing_latency_percentiles = \"0.5,0.9\"").latencyPercentiles == Numbers{0.5, 0.9});
    CHECK(read("e2e_processing_latency_percentiles = []").latencyPercentiles.empty());
}

TEST_CASE("an empty file sets nothing") {
    CHECK(read("").maxRdyCount == 2500);
    CHECK(read("# only a comment").maxRdyCount == 2500);
}

TEST_CASE("a plugin's table is kept as text") {
    const Options options = read(R"(
        plugins = ["echo"]
        [plugin.echo]
        prefix = "> "
        limit = 10
        ratio = 0.5
        loud = true
        names = ["a", "b"]
        [plugin.echo.inner]
        key = 1
    )");
    REQUIRE(options.pluginSettings.size() == 1);
    CHECK(options.pluginSettings.at("echo") == PluginSettings{{"prefix", "> "},
                                                              {"limit", "10"},
                                                              {"ratio", "0.5"},
                                                              {"loud", "true"},
                                                              {"names[0]", "a"},
                                                              {"names[1]", "b"},
                                                              {"inner.key", "1"}});
}

TEST_CASE("flags win over the file") {
    const File file{"max_rdy_count = 1\nmax_msg_size = 2\nplugins = [\"a\", \"b\"]\nverbose = true\n"};
    const std::vector<std::string> arguments{"--max-rdy-count=3", "--config",   file.path(),
                                             "--plugin=c",        "--plugin=d", "--verbose=false"};
    const auto options = parseCommandLine(arguments, Options{});
    REQUIRE(options);
    CHECK(options.value().maxRdyCount == 3);
    CHECK(options.value().maxMsgSize == 2);
    CHECK(options.value().plugins == std::vector<std::string>{"c", "d"});
    CHECK_FALSE(options.value().verbose);
}

TEST_CASE("options of file and flags together are checked") {
    const File file{"min_output_buffer_timeout = \"2s\""};
    const std::vector<std::string> arguments{"--config", file.path(), "--max-output-buffer-timeout=1s"};
    REQUIRE_FALSE(parseCommandLine(arguments, Options{}));
}

TEST_CASE("help needs no file") {
    const std::vector<std::string> arguments{"--help", "--config=/does/not/exist"};
    CHECK(parseCommandLine(arguments, Options{}));
}

TEST_CASE("what is wrong in a file is refused in one line with its number") {
    const Refusal refusal = GENERATE(values<Refusal>({
        {"\nnonsense = 1", "2: unknown option nonsense"},
        {"node_id = 1", "1: unknown option node_id"},
        {"config = \"x\"", "1: unknown option config"},
        {"\"a\\nb\" = 1", "1: unknown option a b"},
        {"help = true", "1: unknown option help"},
        {"[table]\nx = 1", "1: unknown option table"},
        {"id = 1024", "1: id: 1024 is out of range, which is 0 to 1023"},
        {"id = \"x\"", "1: id: \"x\" is not an integer of 64 bits"},
        {"id = 1.5", "1: id: \"1.5\" is not an integer of 64 bits"},
        {"id = 5.0", "1: id: \"5.0\" is not an integer of 64 bits"},
        {"id = 1e2", "1: id: \"100.0\" is not an integer of 64 bits"},
        {"verbose = 1.0", "1: verbose: \"1.0\" is not true or false"},
        {"tcp_address = 127", "1: tcp_address: needs a string"},
        {"data_path = true", "1: data_path: needs a string"},
        {"id = [1]", "1: id: needs a single value"},
        {"id = 1979-05-27", "1: id: needs a single value"},
        {"verbose = [true]", "1: verbose: needs true or false"},
        {"msg_timeout = \"soon\"", "1: msg_timeout: \"soon\" is not a duration such as 250ms, 1.5s or 1h30m"},
        {"plugins = \"a\"", "1: plugins: needs an array"},
        {"plugins = [[\"a\"]]", "1: plugins: needs strings"},
        {"e2e_processing_latency_percentiles = 0.5", "1: e2e_processing_latency_percentiles: needs an array"},
        {"e2e_processing_latency_percentiles = [[0.5]]",
         "1: e2e_processing_latency_percentiles: needs numbers"},
        {"e2e_processing_latency_percentiles = [0.5, 2.0]",
         "1: e2e_processing_latency_percentiles: \"2.0\" is not a number more than 0 and at most 1"},
        {"plugin = \"a\"", "1: plugin: needs tables [plugin.NAME]; the list of plugins is `plugins`"},
        {"plugin.a = 1", "1: plugin.a: needs to be a table"},
        {"plugin.a.when = 1979-05-27", "1: when: dates and times are not supported"},
    }));
    const File file{refusal.content};
    Options options;
    const auto done = readConfigFile(options, file.path());
    REQUIRE_FALSE(done);
    CHECK(done.error().text == "config file " + file.path() + ", line " + refusal.text);
}

TEST_CASE("a file that is not TOML is refused in one line with its number") {
    // toml++ tells of the last one with the line end it came upon.
    const File file{"id = 1\n" + std::string{GENERATE("this is no TOML\n", "id = 2\n", "daemon = fal\n")}};
    Options options;
    const auto done = readConfigFile(options, file.path());
    REQUIRE_FALSE(done);
    CHECK_THAT(done.error().text, Catch::Matchers::StartsWith("config file " + file.path() + ", line 2: "));
    CHECK(done.error().text.find('\n') == std::string::npos);
}

TEST_CASE("a file that cannot be read is refused") {
    Options options;
    const auto missing = readConfigFile(options, "/does/not/exist");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().text == "config file /does/not/exist: cannot be read: No such file or directory");
    const auto directory = readConfigFile(options, "/");
    REQUIRE_FALSE(directory);
    CHECK(directory.error().text == "config file /: cannot be read: Is a directory");
}

TEST_CASE("the files that come with the programs have every option, commented out with its default") {
    const auto program = GENERATE(Program::kNsqd, Program::kNsqlookupd);
    CAPTURE(programName(program));
    std::ifstream file{EXAMPLES + programName(program) + ".cfg"};
    REQUIRE(file);
    std::string live;
    std::string line;
    while (std::getline(file, line)) {
        if (line.starts_with('#') && !line.starts_with("# ")) live += line.substr(1) + '\n';
    }
    const Options defaults = programDefaults(program);
    const Options options = read(live, defaults);
    for (const OptionSpec& spec : optionTable(program)) {
        if (spec.key.empty() || spec.group == Group::kIgnored) continue;
        CAPTURE(spec.key);
        CHECK_THAT('\n' + live, Catch::Matchers::Contains('\n' + std::string(spec.key) + " = "));
        const std::string shown = defaultText(program, spec);
        if (shown == showValue(defaults, spec) && shown != "none") {
            CHECK(showValue(options, spec) == showValue(defaults, spec));
        }
    }
}
