#include "options/help.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "options/option_table.h"

using namespace nsq::options;
using Catch::Matchers::Contains;

TEST_CASE("help lists every option with its default") {
    for (const Program program : {Program::kNsqd, Program::kNsqlookupd}) {
        const std::string help = helpText(program);
        CHECK(help.starts_with("Usage: " + programName(program) + " [options]\n"));
        for (const OptionSpec& spec : optionTable(program)) {
            CAPTURE(programName(program), spec.flag);
            CHECK_THAT(help, Contains("  --" + std::string(spec.flag)));
            CHECK_THAT(help,
                       Contains(std::string(spec.help) + " (default: " + defaultText(program, spec) + ")"));
        }
    }
    const std::string help = helpText(Program::kNsqd);
    CHECK_THAT(help,
               Contains("--max-bytes-per-file=int (max_bytes_per_file)") && Contains("(default: 104857600)"));
    CHECK_THAT(help, Contains("(default: 15m)"));
    CHECK_THAT(help, Contains("(default: \"[nsqd] \")"));
}

TEST_CASE("options have different names and keys") {
    std::set<std::string_view> flags;
    std::set<std::string_view> keys;
    for (const OptionSpec& spec : optionTable(Program::kNsqd)) {
        CAPTURE(spec.flag);
        CHECK(flags.insert(spec.flag).second);
        if (!spec.key.empty()) CHECK(keys.insert(spec.key).second);
        CHECK(spec.key != "plugin");  // the name of the plugins' tables
    }
}

TEST_CASE("nsqlookupd has its own options and defaults") {
    CHECK(findFlag(Program::kNsqlookupd, "data-path") == nullptr);
    CHECK(findKey(Program::kNsqlookupd, "data_path") == nullptr);
    CHECK(findFlag(Program::kNsqd, "data-path") == findKey(Program::kNsqd, "data_path"));
    for (const OptionSpec& spec : optionTable(Program::kNsqlookupd)) {
        CAPTURE(spec.flag);
        CHECK(findFlag(Program::kNsqlookupd, spec.flag) == &spec);
        CHECK(findFlag(Program::kNsqd, spec.flag) != nullptr);
    }
    const Options defaults = hostDefaults(Program::kNsqlookupd);
    CHECK(defaults.tcpAddress == "0.0.0.0:4160");
    CHECK(defaults.httpAddress == "0.0.0.0:4161");
    CHECK(defaults.logPrefix == "[nsqlookupd] ");
    CHECK(defaults.inactiveProducerTimeout == std::chrono::seconds{300});
    CHECK(defaults.tombstoneLifetime == std::chrono::seconds{45});
}

TEST_CASE("the README has the tables of options") {
    std::ifstream file{README_PATH};
    std::stringstream readme;
    readme << file.rdbuf();
    // To mend the README, copy the expected text from this test's output.
    CHECK_THAT(readme.str(), Contains(markdownTable(Program::kNsqd)));
    CHECK_THAT(readme.str(), Contains(markdownTable(Program::kNsqlookupd)));
}
