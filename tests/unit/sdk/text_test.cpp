#include "nsq/sdk/text.h"

#include <catch2/catch.hpp>

namespace nsq::sdk {

TEST_CASE("A number has digits only, and fits") {
    CHECK(parseNumber("0") == 0);
    CHECK(parseNumber("007") == 7);
    CHECK(parseNumber("18446744073709551615") == 18446744073709551615U);
    for (const char* text : {"", " 1", "1 ", "+1", "-1", "1.0", "0x1", "18446744073709551616"}) {
        CAPTURE(text);
        CHECK_FALSE(parseNumber(text));
    }
}

TEST_CASE("A text is cut at the first mark") {
    using Parts = std::pair<std::string_view, std::string_view>;
    CHECK(cut("a/b/c", '/') == Parts{"a", "b/c"});
    CHECK(cut("/b", '/') == Parts{"", "b"});
    CHECK(cut("a/", '/') == Parts{"a", ""});
    CHECK(cut("a", '/') == Parts{"a", ""});
    CHECK(cut("", '/') == Parts{"", ""});
}

TEST_CASE("What a client sent is shown short, and in ASCII") {
    CHECK(printable("plain ~text") == "plain ~text");
    CHECK(printable("a\nb\x1b\x7f\xc3\xa4") == "a?b????");
    CHECK(printable(std::string(100, 'x')) == std::string(100, 'x'));
    CHECK(quoted(std::string(101, 'x')) == '"' + std::string(100, 'x') + "...\"");
}

}  // namespace nsq::sdk
