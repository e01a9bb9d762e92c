// The parts of a session on their own.

#include <catch2/catch.hpp>

#include "protocol/v2/command_line.h"
#include "protocol/v2/mpub_reader.h"
#include "protocol/v2/utf8_text.h"
#include "v2_client.h"

namespace nsq::v2 {

namespace {

Lines wordsOf(std::string_view line) {
    const CommandLine split = splitLine(line);
    return {split.words.begin(), split.words.begin() + static_cast<std::ptrdiff_t>(split.count)};
}

}  // namespace

TEST_CASE("A line is cut at single spaces") {
    CHECK(wordsOf("") == Lines{""});
    CHECK(wordsOf("\r") == Lines{""});
    CHECK(wordsOf("NOP\r") == Lines{"NOP"});
    CHECK(wordsOf("NOP\r\r") == Lines{"NOP\r"});
    CHECK(wordsOf(" a") == Lines{"", "a"});
    CHECK(wordsOf("a ") == Lines{"a", ""});
    CHECK(wordsOf("a  b") == Lines{"a", "", "b"});
    CHECK(wordsOf("a b c d e") == Lines{"a", "b", "c", "d e"});
}

TEST_CASE("Numbers have digits only and do not overflow") {
    CHECK(parseNumber("") == 0);
    CHECK(parseNumber("007") == 7);
    CHECK(parseNumber("18446744073709551614") == UINT64_MAX - 1);
    CHECK(parseNumber("18446744073709551615") == UINT64_MAX);
    CHECK(parseNumber("18446744073709551616") == UINT64_MAX);
    CHECK(parseNumber(std::string(10000, '9')) == UINT64_MAX);
    CHECK(parseNumber("18446744073709551616" + std::string(50, '0')) == UINT64_MAX);
    for (const char* text : {"-1", "+1", " 1", "1 ", "1.0", "1e3", "0x1", "a", "1\r"}) {
        CAPTURE(text);
        CHECK(!parseNumber(text).has_value());
    }
}

TEST_CASE("An id is lower-case hex") {
    CHECK(parseId("0123456789abcdef")->value == 0x0123456789abcdef);
    CHECK(parseId("ffffffffffffffff")->value == UINT64_MAX);
    for (const char* text : {"0123456789abcdeF", "g123456789abcdef", "0123456789abcde ", "-123456789abcdef",
                             "\xff"
                             "123456789abcdef"}) {
        CAPTURE(text);
        CHECK(!parseId(text).has_value());
    }
}

TEST_CASE("Names are quoted as Go does") {
    CHECK(quoted("plain") == R"("plain")");
    CHECK(quoted("a\"b\\c") == R"("a\"b\\c")");
    CHECK(quoted("\a\b\f\v\t\r\n\x7f\x1b") == R"("\a\b\f\v\t\r\n\x7f\x1b")");
    CHECK(quoted(std::string_view{"\0", 1}) == R"("\x00")");
    CHECK(quoted("\xc3\xa9 \xf0\x9f\x98\x80") == "\"\xc3\xa9 \xf0\x9f\x98\x80\"");
    CHECK(quoted("\xc2\xa0\xc2\x85\xe2\x80\x8b\xef\xbb\xbf\xe3\x80\x80\xee\x80\x80\xc2\xad") ==
          R"("\u00a0\u0085\u200b\ufeff\u3000\ue000\u00ad")");
    CHECK(quoted("\xed\xa0\x80\xc3\xe2\x82\xf4\x90\x80\x80\xc0\x80") ==
          R"("\xed\xa0\x80\xc3\xe2\x82\xf4\x90\x80\x80\xc0\x80")");
    CHECK(quoted("\xf3\xa0\x80\x81") == R"("\U000e0001")");
}

TEST_CASE("Bytes that are not UTF-8 are replaced one by one") {
    CHECK(toValidUtf8("abc\xc3\xa9"
                      "d") ==
          "abc\xc3\xa9"
          "d");
    CHECK(toValidUtf8("a\xff\xfe"
                      "b\xc3") ==
          "a\xef\xbf\xbd\xef\xbf\xbd"
          "b\xef\xbf\xbd");
}

TEST_CASE("Long texts are cut in the log") {
    CHECK(forLog(std::string(200, 'a')) == std::string(200, 'a'));
    CHECK(forLog(std::string(5000, 'a')) == std::string(200, 'a') + "...");
    CHECK(forLog("\"a\\\n") == "\"a\\\\n");
}

TEST_CASE("An MPUB is checked as it comes, each byte once") {
    const std::string body = mpubBody({"a", "bc", std::string(50, 'd')});
    MpubReader reader{1000, 1000};
    std::size_t calls = 0;
    for (std::size_t size = 0; size < body.size(); ++size) {
        if (size < reader.size()) continue;
        REQUIRE(reader.read(sdk::asBytes(body).first(size)) == MpubReader::State::kIncomplete);
        CHECK(reader.size() > size);
        ++calls;
    }
    CHECK(calls == 7);
    REQUIRE(reader.read(sdk::asBytes(body + "more")) == MpubReader::State::kComplete);
    REQUIRE(reader.read(sdk::asBytes(body + "more")) == MpubReader::State::kComplete);
    CHECK(reader.size() == body.size());
    std::vector<sdk::Bytes> bodies;
    const std::string more = body + "more";
    reader.bodies(sdk::asBytes(more), bodies);
    REQUIRE(bodies.size() == 3);
    CHECK(sdk::asText(bodies[1]) == "bc");
    reader.reset();
    CHECK(reader.read(sdk::asBytes(int32(-1))) == MpubReader::State::kInvalid);
    CHECK(reader.error().description == "MPUB invalid body size -1");
}

}  // namespace nsq::v2
