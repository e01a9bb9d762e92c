#include "options/help.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include "options/option_table.h"

using namespace nsq::options;
using Catch::Matchers::Contains;

TEST_CASE("help lists every option with its default") {
    const std::string help = helpText();
    for (const OptionSpec& spec : optionTable()) {
        CAPTURE(spec.flag);
        CHECK_THAT(help, Contains("  --" + std::string(spec.flag)));
        CHECK_THAT(help, Contains(std::string(spec.help) + " (default: " + defaultText(spec) + ")"));
    }
    CHECK_THAT(help,
               Contains("--max-bytes-per-file=int (max_bytes_per_file)") && Contains("(default: 104857600)"));
    CHECK_THAT(help, Contains("(default: 15m)"));
    CHECK_THAT(help, Contains("(default: \"[nsqd] \")"));
}

TEST_CASE("options have different names and keys") {
    std::set<std::string_view> flags;
    std::set<std::string_view> keys;
    for (const OptionSpec& spec : optionTable()) {
        CAPTURE(spec.flag);
        CHECK(flags.insert(spec.flag).second);
        if (!spec.key.empty()) CHECK(keys.insert(spec.key).second);
        CHECK(spec.key != "plugin");  // the name of the plugins' tables
    }
}

TEST_CASE("the README has the table of options") {
    std::ifstream file{README_PATH};
    std::stringstream readme;
    readme << file.rdbuf();
    // To mend the README, copy the expected text from this test's output.
    CHECK_THAT(readme.str(), Contains(markdownTable()));
}
