#include "mpub_body.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

namespace nsq::http_api {

using namespace std::string_view_literals;

namespace {

/// The messages, each in brackets, or the error.
std::string text(const Messages& messages) {
    if (!messages) return messages.error().text;
    std::string all;
    for (const sdk::Bytes message : messages.value()) all += '[' + std::string{sdk::asText(message)} + ']';
    return all;
}

std::string lines(std::string_view body) {
    return text(splitLines(sdk::asBytes(body), 4));
}

std::string binary(std::string_view body) {
    return text(splitBinary(sdk::asBytes(body), 4, 24));
}

}  // namespace

TEST_CASE("A text body is split at line feeds") {
    CHECK(lines("") == "");
    CHECK(lines("\n\n") == "");
    CHECK(lines("a") == "[a]");
    CHECK(lines("a\n") == "[a]");
    CHECK(lines("\na\n\nb\r\n") == "[a][b\r]");
    CHECK(lines("abcd\nabcd") == "[abcd][abcd]");
    CHECK(lines("abcde\n") == "MSG_TOO_BIG");
    CHECK(lines("a\nabcde") == "MSG_TOO_BIG");
    CHECK(lines("a\0b\n"sv) == std::string("[a\0b]", 5));
}

TEST_CASE("Messages lie in the body") {
    const std::string body = "a\nb";
    const Messages messages = splitLines(sdk::asBytes(body), 4);
    REQUIRE(messages);
    CHECK(messages.value()[1].data() == sdk::asBytes(body).data() + 2);
}

TEST_CASE("A binary body is checked before anything is taken") {
    CHECK(binary("\0\0\0\2\0\0\0\1a\0\0\0\4bcde"sv) == "[a][bcde]");
    CHECK(binary("\0\0\0\1\0\0\0\1a and more"sv) == "[a]");
    CHECK(binary(""sv) == "BAD_BODY");
    CHECK(binary("\0\0\0"sv) == "BAD_BODY");
    CHECK(binary("\0\0\0\0"sv) == "BAD_BODY");
    CHECK(binary("\xff\xff\xff\xff"sv) == "BAD_BODY");
    CHECK(binary("\x7f\xff\xff\xff"sv) == "BAD_BODY");
    CHECK(binary("\0\0\0\5\0\0\0\1a"sv) == "BAD_BODY");
    CHECK(binary("\0\0\0\4\0\0\0\1a"sv) == "BAD_MESSAGE");
    CHECK(binary("\0\0\0\1"sv) == "BAD_MESSAGE");
    CHECK(binary("\0\0\0\1\0\0\0"sv) == "BAD_MESSAGE");
    CHECK(binary("\0\0\0\1\0\0\0\0"sv) == "BAD_MESSAGE");
    CHECK(binary("\0\0\0\1\xff\xff\xff\xff"sv) == "BAD_MESSAGE");
    CHECK(binary("\0\0\0\1\0\0\0\2a"sv) == "BAD_MESSAGE");
    CHECK(binary("\0\0\0\1\0\0\0\5abcde"sv) == "BAD_MESSAGE");
}

}  // namespace nsq::http_api
