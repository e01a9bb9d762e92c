#include <catch2/catch.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "nsq/sdk/shared_buffer.h"

using namespace nsq::sdk;

namespace {

class Buffer final : public SharedBuffer {
public:
    explicit Buffer(int& freed) : freed_(freed) {}

private:
    void destroy() noexcept override {
        ++freed_;
        delete this;
    }
    int& freed_;
};

}  // namespace

TEST_CASE("the last share frees the buffer") {
    int freed = 0;
    auto* buffer = new Buffer(freed);
    BufferRef first(buffer);
    BufferRef second = first;
    BufferRef third = std::move(first);
    REQUIRE(!first);
    REQUIRE(third.get() == buffer);
    second = BufferRef{};
    REQUIRE(freed == 0);
    BufferRef& itself = third;
    third = itself;
    REQUIRE(freed == 0);
    third = std::move(itself);
    REQUIRE(third);
    third = BufferRef{};
    REQUIRE(freed == 1);
}

TEST_CASE("shares may be given up on many threads") {
    int freed = 0;
    {
        const BufferRef shared(new Buffer(freed));
        std::vector<std::thread> threads;
        for (int i = 0; i < 4; ++i) {
            threads.emplace_back([copy = shared] {
                for (int k = 0; k < 10'000; ++k) BufferRef another = copy;
            });
        }
        for (std::thread& thread : threads) thread.join();
        threads.clear();
        REQUIRE(freed == 0);
    }
    REQUIRE(freed == 1);
}
