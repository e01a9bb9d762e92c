#include "storage/metadata.h"

#include <catch2/catch.hpp>

#include "storage/file_io.h"
#include "unit/storage/temporary_directory.h"

namespace nsq::storage {
namespace {

std::string textOf(const std::filesystem::path& file) {
    const auto content = readFile(file);
    REQUIRE(content);
    return std::string{sdk::asText(content.value())};
}

/// readMetadata of a file with this text.
sdk::Result<std::vector<TopicMetadata>> parse(const std::string& text) {
    const test::TemporaryDirectory directory;
    test::writeFile(directory / "nsqd.dat", sdk::asBytes(text));
    return readMetadata(directory / "nsqd.dat");
}

TEST_CASE("metadata is written to the byte as nsqd does", "[metadata]") {
    const test::TemporaryDirectory directory;
    const std::filesystem::path file = directory / "nsqd.dat";
    REQUIRE(writeMetadata(file, {}));
    CHECK(textOf(file) == R"({"topics":null,"version":"1.3.0"})");
    REQUIRE(writeMetadata(file, {{"a", false, {}}, {"b", true, {{"z", false}, {"c", true}}}}));
    CHECK(
        textOf(file) ==
        R"({"topics":[{"name":"a","paused":false,"channels":null},)"
        R"({"name":"b","paused":true,"channels":[{"name":"z","paused":false},{"name":"c","paused":true}]}],)"
        R"("version":"1.3.0"})");
}

TEST_CASE("metadata comes back as it was written", "[metadata]") {
    const test::TemporaryDirectory directory;
    const std::filesystem::path file = directory / "nsqd.dat";
    REQUIRE(writeMetadata(file, {{"a", false, {}}, {"..", true, {{"z", false}, {"c-_.9", true}}}}));
    const auto read = readMetadata(file);
    REQUIRE(read);
    REQUIRE(read.value().size() == 2);
    CHECK(read.value()[0].name == "a");
    CHECK(read.value()[0].channels.empty());
    CHECK_FALSE(read.value()[0].paused);
    CHECK(read.value()[1].name == "..");
    CHECK(read.value()[1].paused);
    REQUIRE(read.value()[1].channels.size() == 2);
    CHECK(read.value()[1].channels[0].name == "z");
    CHECK_FALSE(read.value()[1].channels[0].paused);
    CHECK(read.value()[1].channels[1].name == "c-_.9");
    CHECK(read.value()[1].channels[1].paused);
}

TEST_CASE("no file is no topics", "[metadata]") {
    const test::TemporaryDirectory directory;
    const auto read = readMetadata(directory / "nsqd.dat");
    REQUIRE(read);
    CHECK(read.value().empty());
}

TEST_CASE("what older nsqd releases and people write is understood", "[metadata]") {
    CHECK(parse(R"({"topics":null,"version":"1.3.0"})").value().empty());
    CHECK(parse(R"({"topics":[],"version":"0.2"})").value().empty());
    CHECK(parse(R"({})").value().empty());
    const auto spaced = parse("{ \"version\" : \"x\",\n \"topics\" : [ { \"name\" : \"t\" } ] }\n");
    REQUIRE(spaced);
    REQUIRE(spaced.value().size() == 1);
    CHECK(spaced.value()[0].name == "t");
    CHECK_FALSE(spaced.value()[0].paused);
}

TEST_CASE("names that are not valid, or missing, are left out", "[metadata]") {
    const auto read = parse(R"({"topics":[{"paused":true},{"name":""},{"name":"bad name"},{"name":"../x"},)"
                            R"({"name":"ok","channels":[{"name":"c d"},{"paused":false},{"name":"c"}]}]})");
    REQUIRE(read);
    REQUIRE(read.value().size() == 1);
    CHECK(read.value()[0].name == "ok");
    REQUIRE(read.value()[0].channels.size() == 1);
    CHECK(read.value()[0].channels[0].name == "c");
}

TEST_CASE("a topic written twice is one topic", "[metadata]") {
    const auto read = parse(R"({"topics":[{"name":"t","channels":[{"name":"a"}]},{"name":"u"},)"
                            R"({"name":"t","paused":true,"channels":[{"name":"b"}]}]})");
    REQUIRE(read);
    REQUIRE(read.value().size() == 2);
    CHECK(read.value()[0].name == "t");
    CHECK(read.value()[0].paused);
    CHECK(read.value()[0].channels.size() == 2);
    CHECK(read.value()[1].name == "u");
}

TEST_CASE("metadata that is not what nsqd writes is an error that names the file", "[metadata]") {
    const auto text = GENERATE("", "{", "[]", "null", "12", R"({"topics":[1]})", R"({"topics":[null]})",
                               R"({"topics":[{"name":"t","channels":[3]}]})", "\xff\xfe garbage",
                               R"({"topics":[{"name":"t"}])", "\0\0\0\0");
    CAPTURE(text);
    const auto read = parse(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == sdk::ErrorCode::kStorage);
    CHECK(read.error().text.find("nsqd.dat") != std::string::npos);
}

TEST_CASE("metadata nested without end is refused", "[metadata]") {
    CHECK_FALSE(parse(R"({"topics":)" + std::string(200'000, '[')));
}

TEST_CASE("metadata cut anywhere is refused", "[metadata]") {
    const std::string whole =
        R"({"topics":[{"name":"t","paused":true,"channels":[{"name":"c","paused":false}]}],"version":"1.3.0"})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        REQUIRE_FALSE(parse(whole.substr(0, size)));
    }
}

}  // namespace
}  // namespace nsq::storage
