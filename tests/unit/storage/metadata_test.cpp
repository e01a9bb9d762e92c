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

struct Parsed {
    Metadata metadata;
    std::string warning;
    std::string aside;  ///< what was kept of a file that is not understood
};

/// readMetadata of a file with this text.
Parsed parse(const std::string& text) {
    const test::TemporaryDirectory directory;
    const std::filesystem::path file = directory / "nsqd.dat";
    test::writeFile(file, sdk::asBytes(text));
    Parsed parsed;
    auto read = readMetadata(file, parsed.warning);
    INFO((read ? "" : read.error().text));
    REQUIRE(read);
    parsed.metadata = std::move(read).value();
    if (std::filesystem::exists(file.string() + ".bad")) parsed.aside = textOf(file.string() + ".bad");
    CHECK(textOf(file) == text);
    return parsed;
}

/// What is there of `text`, which is understood.
std::vector<TopicMetadata> topicsOf(const std::string& text) {
    Parsed parsed = parse(text);
    CHECK(parsed.warning.empty());
    CHECK(parsed.aside.empty());
    return std::move(parsed.metadata.topics);
}

void checkRefused(const std::string& text) {
    const Parsed parsed = parse(text);
    REQUIRE(parsed.warning.find("nsqd.dat") != std::string::npos);
    REQUIRE(parsed.metadata.topics.empty());
    REQUIRE_FALSE(parsed.metadata.isOurs);
    REQUIRE(parsed.aside == text);
}

TEST_CASE("metadata is written as nsqd does, with a checksum", "[metadata]") {
    const test::TemporaryDirectory directory;
    const std::filesystem::path file = directory / "nsqd.dat";
    REQUIRE(writeMetadata(file, {}));
    CHECK(textOf(file).starts_with(R"({"topics":null,"version":"1.3.0","nsqd_cpp_checksum":")"));
    REQUIRE(writeMetadata(file, {{"a", false, {}}, {"b", true, {{"z", false}, {"c", true}}}}));
    CHECK(textOf(file).starts_with(
        R"({"topics":[{"name":"a","paused":false,"channels":null},)"
        R"({"name":"b","paused":true,"channels":[{"name":"z","paused":false},{"name":"c","paused":true}]}],)"
        R"("version":"1.3.0","nsqd_cpp_checksum":")"));
}

TEST_CASE("metadata comes back as it was written", "[metadata]") {
    const test::TemporaryDirectory directory;
    const std::filesystem::path file = directory / "nsqd.dat";
    REQUIRE(writeMetadata(file, {{"a", false, {}}, {"..", true, {{"z", false}, {"c-_.9", true}}}}));
    std::string warning;
    const auto read = readMetadata(file, warning);
    REQUIRE(read);
    CHECK(warning.empty());
    CHECK(read.value().isOurs);
    const std::vector<TopicMetadata>& topics = read.value().topics;
    REQUIRE(topics.size() == 2);
    CHECK(topics[0].name == "a");
    CHECK(topics[0].channels.empty());
    CHECK_FALSE(topics[0].paused);
    CHECK(topics[1].name == "..");
    CHECK(topics[1].paused);
    REQUIRE(topics[1].channels.size() == 2);
    CHECK(topics[1].channels[0].name == "z");
    CHECK_FALSE(topics[1].channels[0].paused);
    CHECK(topics[1].channels[1].name == "c-_.9");
    CHECK(topics[1].channels[1].paused);
}

TEST_CASE("no file is no topics", "[metadata]") {
    const test::TemporaryDirectory directory;
    std::string warning;
    const auto read = readMetadata(directory / "nsqd.dat", warning);
    REQUIRE(read);
    CHECK(read.value().topics.empty());
    CHECK_FALSE(read.value().isOurs);
    CHECK(warning.empty());
}

TEST_CASE("metadata that cannot be read is an error", "[metadata]") {
    const test::TemporaryDirectory directory;
    std::filesystem::create_directory(directory / "nsqd.dat");
    std::string warning;
    const auto read = readMetadata(directory / "nsqd.dat", warning);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == sdk::ErrorCode::kStorage);
}

TEST_CASE("metadata is ours until somebody changes it", "[metadata]") {
    const test::TemporaryDirectory directory;
    const std::filesystem::path file = directory / "nsqd.dat";
    REQUIRE(writeMetadata(file, {{"t", false, {{"c", false}, {"d", false}}}, {"u", true, {}}}));
    const std::string ours = textOf(file);
    const auto isOurs = [](const std::string& text) { return parse(text).metadata.isOurs; };
    const auto changed = [&](const std::string& from, const std::string& to) {
        std::string text = ours;
        const std::size_t at = text.find(from);
        REQUIRE(at != std::string::npos);
        return text.replace(at, from.size(), to);
    };
    CHECK(isOurs(ours));
    CHECK(isOurs(changed("1.3.0", "1.2.0")));
    CHECK_FALSE(isOurs(changed(R"("name":"d")", R"("name":"e")")));
    CHECK_FALSE(isOurs(changed(R"("name":"u","paused":true)", R"("name":"u","paused":false)")));
    CHECK_FALSE(isOurs(changed(R"(,{"name":"d","paused":false})", "")));
    CHECK_FALSE(isOurs(changed("nsqd_cpp_checksum", "other")));
    // The same, as nsqd writes it.
    CHECK_FALSE(isOurs(ours.substr(0, ours.find(R"(,"nsqd_cpp_checksum)")) + "}"));
}

TEST_CASE("what older nsqd releases and people write is understood", "[metadata]") {
    CHECK(topicsOf(R"({"topics":null,"version":"1.3.0"})").empty());
    CHECK(topicsOf(R"({"topics":[],"version":"0.2"})").empty());
    CHECK(topicsOf(R"({})").empty());
    const auto spaced = topicsOf("{ \"version\" : \"x\",\n \"topics\" : [ { \"name\" : \"t\" } ] }\n");
    REQUIRE(spaced.size() == 1);
    CHECK(spaced[0].name == "t");
    CHECK_FALSE(spaced[0].paused);
}

TEST_CASE("names that are not valid, or missing, are left out", "[metadata]") {
    const auto read =
        topicsOf(R"({"topics":[{"paused":true},{"name":""},{"name":"bad name"},{"name":"../x"},)"
                 R"({"name":"ok","channels":[{"name":"c d"},{"paused":false},{"name":"c"}]}]})");
    REQUIRE(read.size() == 1);
    CHECK(read[0].name == "ok");
    REQUIRE(read[0].channels.size() == 1);
    CHECK(read[0].channels[0].name == "c");
}

TEST_CASE("a topic written twice is one topic", "[metadata]") {
    const auto read = topicsOf(R"({"topics":[{"name":"t","channels":[{"name":"a"}]},{"name":"u"},)"
                               R"({"name":"t","paused":true,"channels":[{"name":"b"}]}]})");
    REQUIRE(read.size() == 2);
    CHECK(read[0].name == "t");
    CHECK(read[0].paused);
    CHECK(read[0].channels.size() == 2);
    CHECK(read[1].name == "u");
}

TEST_CASE("metadata that is not what nsqd writes is a warning, and is kept aside", "[metadata]") {
    checkRefused(GENERATE(as<std::string>(), "", "{", "[]", "null", "12", R"({"topics":[1]})",
                          R"({"topics":[null]})", R"({"topics":[{"name":"t","channels":[3]}]})",
                          "\xff\xfe garbage", R"({"topics":[{"name":"t"}])", std::string(4, '\0')));
}

TEST_CASE("metadata nested without end is refused", "[metadata]") {
    checkRefused(R"({"topics":)" + std::string(200'000, '['));
}

TEST_CASE("metadata cut anywhere is refused", "[metadata]") {
    const std::string whole =
        R"({"topics":[{"name":"t","paused":true,"channels":[{"name":"c","paused":false}]}],"version":"1.3.0"})";
    for (std::size_t size = 0; size < whole.size(); ++size) {
        CAPTURE(size);
        checkRefused(whole.substr(0, size));
    }
}

}  // namespace
}  // namespace nsq::storage
