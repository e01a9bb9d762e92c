// Frames in, cut at any place, and frames out.

#include "frame.h"

#include <catch2/catch.hpp>

namespace nsq::stomp {

namespace {

using namespace std::string_literals;

constexpr std::size_t kMaxBody = 100;

/// The frame as text: `COMMAND name=value ... |body`, or `!` and what is wrong, or `...` while it is
/// incomplete.
std::string describe(const FrameReader& reader, bool complete) {
    if (!complete) return reader.error().empty() ? "..." : '!' + reader.error();
    std::string text{reader.frame().command};
    for (const auto& [name, value] : reader.frame().headers) text += ' ' + name + '=' + value;
    return text.append("|").append(sdk::asText(reader.frame().body));
}

std::string read(std::string_view input, Version version = Version::k12) {
    FrameReader reader{kMaxBody};
    const bool complete = reader.read(input, version);
    return describe(reader, complete);
}

/// Each call with one byte more, in memory of its own.
std::string readBytewise(std::string_view input, Version version = Version::k12) {
    FrameReader reader{kMaxBody};
    for (std::size_t size = 1;; ++size) {
        const std::string part{input.substr(0, size)};
        const bool complete = reader.read(part, version);
        if (complete) CHECK(reader.size() == size);
        if (complete || !reader.error().empty() || size >= input.size()) return describe(reader, complete);
    }
}

}  // namespace

TEST_CASE("A frame is read, whole or byte by byte") {
    const auto& [input, expected] = GENERATE(table<std::string, std::string>(
        {{"SEND\n\n\0"s, "SEND|"},
         {"SEND\nkey:value\n\nbody\0"s, "SEND key=value|body"},
         {"SEND\r\nkey:value\r\n\r\nbody\r\n\0"s, "SEND key=value|body\r\n"},
         {"SEND\na:1\na:2\n\n\0"s, "SEND a=1 a=2|"},
         {"SEND\na:b:c\nempty:\n\n\0"s, "SEND a=b:c empty=|"},
         {"SEND\n a : b \n\n\0"s, "SEND  a = b |"},
         {"SEND\ncontent-length:3\n\na\0b\0"s, "SEND content-length=3|a\0b"s},
         {"SEND\ncontent-length:0\n\n\0"s, "SEND content-length=0|"},
         {"SEND\ncontent-length:100\n\n"s + std::string(100, 'x') + '\0',
          "SEND content-length=100|" + std::string(100, 'x')},
         {"SEND\n\n"s + std::string(100, 'x') + '\0', "SEND|" + std::string(100, 'x')},
         {"SEND\nk\\cy:a\\nb\\\\\\c\\r\n\n\0"s, "SEND k:y=a\nb\\:\r|"}}));
    CAPTURE(input);
    CHECK(read(input) == expected);
    CHECK(readBytewise(input) == expected);
}

TEST_CASE("What is no frame is refused as soon as that is known, whole or byte by byte") {
    const auto& [input, error] = GENERATE(table<std::string, std::string>({
        {"SEND\0"s, "no empty line before the NUL that ends the frame"},
        {"SEND\nkey:value\0"s, "no empty line before the NUL that ends the frame"},
        {"\0"s, "no empty line before the NUL that ends the frame"},
        {"SEND\nkey\n"s, "header line 1 is not NAME:VALUE"},
        {"SEND\n:value\n"s, "header line 1 is not NAME:VALUE"},
        {"SEND\na:b\nkey:\\t\n"s, "header line 2 has an unknown escape"},
        {"SEND\nkey:end\\\n"s, "header line 1 has an unknown escape"},
        {"SEND\nk\\y:v\n"s, "header line 1 has an unknown escape"},
        {"SEND\ncontent-length:\n\n"s, "content-length \"\" is not a number"},
        {"SEND\ncontent-length:-1\n\n"s, "content-length \"-1\" is not a number"},
        {"SEND\ncontent-length:1x\n\n"s, "content-length \"1x\" is not a number"},
        {"SEND\ncontent-length:99999999999999999999\n\n"s,
         "content-length \"99999999999999999999\" is not a number"},
        {"SEND\ncontent-length:101\n\n"s, "the body exceeds 100 bytes"},
        {"SEND\ncontent-length:18446744073709551615\n\n"s, "the body exceeds 100 bytes"},
        {"SEND\ncontent-length:1\n\nab"s, "no NUL behind a body of content-length bytes"},
        {"SEND\n\n"s + std::string(101, 'x'), "the body exceeds 100 bytes"},
        {std::string(16384, 'x'), "command and headers exceed 16384 bytes"},
    }));
    CAPTURE(input);
    CHECK(read(input) == '!' + error);
    CHECK(readBytewise(input) == '!' + error);
    CHECK(readBytewise(std::string_view{input}.substr(0, input.size() - 1)) == "...");
}

TEST_CASE("The escapes are those of the version") {
    const auto& [version, input, expected] =
        GENERATE(table<Version, std::string, std::string>({{Version::k10, "a\\nb\\x", "SEND k=a\\nb\\x|"},
                                                           {Version::k11, "a\\nb", "SEND k=a\nb|"},
                                                           {Version::k11, "\\c\\\\", "SEND k=:\\|"},
                                                           {Version::k11, "\\r", "!"},
                                                           {Version::k12, "\\r", "SEND k=\r|"}}));
    CAPTURE(input);
    CHECK(read("SEND\nk:" + input + "\n\n\0"s, version).starts_with(expected));
}

TEST_CASE("CONNECT has no escapes, and neither has STOMP") {
    const std::string command = GENERATE("CONNECT", "STOMP");
    CHECK(read(command + "\npasscode:a\\c\\t\n\n\0"s, Version::k12) == command + " passcode=a\\c\\t|");
}

TEST_CASE("1.0 has spaces before a value, in later versions they are its own") {
    CHECK(read("SEND\ndestination:  /topic/a \nx: \n\n\0"s, Version::k10) ==
          "SEND destination=/topic/a  x=|");
    CHECK(read("SEND\na: b\n\n\0"s, Version::k11) == "SEND a= b|");
    CHECK(read("CONNECT\npasscode: b\n\n\0"s, Version::k10) == "CONNECT passcode= b|");
}

TEST_CASE("There may be 64 headers and no more") {
    std::string headers;
    for (int i = 0; i < 64; ++i) headers += "h:v\n";
    CHECK(read("SEND\n" + headers + "\n\0"s).starts_with("SEND h=v"));
    CHECK(read("SEND\n" + headers + "h:v\n\n\0"s) == "!more than 64 headers");
}

TEST_CASE("One frame after the other is read") {
    FrameReader reader{kMaxBody};
    const std::string input = "SEND\na:1\n\nx\0BEGIN\n\n\0"s;
    REQUIRE(reader.read(input, Version::k12));
    CHECK(reader.frame().header("a") == "1");
    CHECK(reader.frame().header("b") == std::nullopt);
    const std::string rest = input.substr(reader.size());
    reader.reset();
    REQUIRE(reader.read(rest, Version::k12));
    CHECK(describe(reader, true) == "BEGIN|");
    // Asked again, as after a wait.
    REQUIRE(reader.read(rest, Version::k12));
    CHECK(describe(reader, true) == "BEGIN|");
}

TEST_CASE("The first of equal headers counts") {
    FrameReader reader{kMaxBody};
    REQUIRE(reader.read("SEND\na:1\na:2\n\n\0"s, Version::k12));
    CHECK(reader.frame().header("a") == "1");
}

TEST_CASE("What is known of a wrong frame is there for its ERROR") {
    FrameReader reader{kMaxBody};
    REQUIRE_FALSE(reader.read("SEND\nreceipt:7\ncontent-length:101\n\n"s, Version::k12));
    CHECK_FALSE(reader.error().empty());
    CHECK(reader.frame().header("receipt") == "7");
}

TEST_CASE("A written value has its version's escapes") {
    CHECK(escaped("a:b\\c\r\n", Version::k10) == "a:b\\c\r\n");
    CHECK(escaped("a:b\\c\r\n", Version::k11) == "a\\cb\\\\c\r\\n");
    CHECK(escaped("a:b\\c\r\n", Version::k12) == "a\\cb\\\\c\\r\\n");
}

TEST_CASE("What was written is read again") {
    const Version version = GENERATE(Version::k11, Version::k12);
    const std::string value = "line\nco:lon \\ \\n";
    CHECK(readBytewise("SEND\nk:" + escaped(value, version) + "\n\n\0"s, version) == "SEND k=" + value + '|');
}

}  // namespace nsq::stomp
