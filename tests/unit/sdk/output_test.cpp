#include "nsq/sdk/output.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <string>

using namespace nsq::sdk;

namespace {

/// Shared memory that counts how often it is freed.
class Block final : public SharedBuffer {
public:
    Block(std::string text, int& freed) : bytes(std::move(text)), freed_(freed) {}
    const std::string bytes;

private:
    void destroy() noexcept override {
        ++freed_;
        delete this;
    }
    int& freed_;
};

std::string peekAll(const Output& output) {
    std::vector<Bytes> pieces(1000);
    const std::size_t count = output.peek(pieces);
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += asText(pieces[i]);
    return all;
}

void writeText(Output& output, std::string_view text) {
    output.write(asBytes(text));
}

}  // namespace

TEST_CASE("an output is empty at first") {
    Output output;
    REQUIRE(output.empty());
    std::array<Bytes, 2> pieces;
    REQUIRE(output.peek(pieces) == 0);
    output.consume(0);
    writeText(output, "");
    REQUIRE(output.empty());
    REQUIRE(output.peek(pieces) == 0);
}

TEST_CASE("copied bytes come out in order, however they are consumed") {
    Output output;
    writeText(output, "abc");
    std::memcpy(output.extend(3), "def", 3);
    writeText(output, "g");
    REQUIRE(output.size() == 7);
    REQUIRE(peekAll(output) == "abcdefg");
    output.consume(0);
    REQUIRE(peekAll(output) == "abcdefg");
    output.consume(4);
    REQUIRE(output.size() == 3);
    REQUIRE(peekAll(output) == "efg");
    writeText(output, "hi");
    REQUIRE(peekAll(output) == "efghi");
    output.consume(5);
    REQUIRE(output.empty());
    REQUIRE(peekAll(output).empty());
    writeText(output, "again");
    REQUIRE(peekAll(output) == "again");
}

TEST_CASE("long shared bytes stay where they are and are freed once sent") {
    int freed = 0;
    Output output;
    auto* block = new Block(std::string(Output::kMinShared, 's'), freed);
    {
        const BufferRef owner(block);
        writeText(output, "before");
        output.share(owner, asBytes(block->bytes));
        writeText(output, "after");
    }
    REQUIRE(freed == 0);
    std::array<Bytes, 3> pieces;
    REQUIRE(output.peek(pieces) == 3);
    REQUIRE(pieces[1].data() == asBytes(block->bytes).data());
    REQUIRE(peekAll(output) == "before" + block->bytes + "after");
    output.consume(6 + Output::kMinShared - 1);
    REQUIRE(freed == 0);
    REQUIRE(peekAll(output) == "safter");
    output.consume(1);
    REQUIRE(freed == 1);
    REQUIRE(peekAll(output) == "after");
}

TEST_CASE("short shared bytes are copied") {
    int freed = 0;
    Output output;
    {
        auto* block = new Block(std::string(Output::kMinShared - 1, 's'), freed);
        output.share(BufferRef(block), asBytes(block->bytes));
    }
    REQUIRE(freed == 1);
    REQUIRE(peekAll(output) == std::string(Output::kMinShared - 1, 's'));
}

TEST_CASE("clear frees shared bytes") {
    int freed = 0;
    Output output;
    {
        auto* block = new Block(std::string(10'000, 's'), freed);
        output.share(BufferRef(block), asBytes(block->bytes));
    }
    output.clear();
    REQUIRE(freed == 1);
    REQUIRE(output.empty());
}

TEST_CASE("peek gives what fits") {
    int freed = 0;
    Output output;
    auto* block = new Block(std::string(10'000, 's'), freed);
    const BufferRef owner(block);
    for (int i = 0; i < 5; ++i) output.share(owner, asBytes(block->bytes));
    std::array<Bytes, 2> two;
    REQUIRE(output.peek(two) == 2);
    REQUIRE(two[0].size() + two[1].size() == 20'000);
    REQUIRE(output.peek({}) == 0);
    output.consume(20'001);
    REQUIRE(output.peek(two) == 2);
    REQUIRE(two[0].size() == 9'999);
}

TEST_CASE("any mix of writing and consuming gives the bytes back in order") {
    std::mt19937 random(7);
    int freed = 0;
    int made = 0;
    {
        Output output;
        std::string expected;
        for (int step = 0; step < 20'000; ++step) {
            const std::size_t size = random() % 1500;
            const std::string text(size, static_cast<char>('a' + random() % 26));
            switch (random() % 4) {
                case 0:
                    writeText(output, text);
                    expected += text;
                    break;
                case 1: {
                    auto* block = new Block(text, freed);
                    ++made;
                    output.share(BufferRef(block), asBytes(block->bytes));
                    expected += text;
                    break;
                }
                default: {
                    const std::size_t count = std::min(size, expected.size());
                    output.consume(count);
                    expected.erase(0, count);
                }
            }
            REQUIRE(output.size() == expected.size());
            if (step % 100 == 0) {
                const std::string peeked = peekAll(output);
                REQUIRE(peeked == expected.substr(0, peeked.size()));
                REQUIRE(peeked.empty() == expected.empty());
            }
        }
    }
    REQUIRE(freed == made);
}
