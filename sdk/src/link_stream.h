#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "blocking_link.h"
#include "nsq/sdk/blocking_stream.h"
#include "nsq/sdk/host.h"

namespace nsq::sdk {

/// The stream that a BlockingAdapter gives to ioLoop. THREAD: the one of ioLoop.
class LinkStream final : public BlockingStream {
public:
    LinkStream(Host& host, BlockingLink& link, const std::string& remoteAddress)
        : host_(host), link_(link), remoteAddress_(remoteAddress) {}

    Result<std::unique_ptr<BlockingSubscription>> subscribe(std::string_view topic, std::string_view channel,
                                                            const SubscribeOptions& options) override;
    const std::string& remoteAddress() const override { return remoteAddress_; }
    void close(std::string_view reason) override;

private:
    class Consumer;

    StreamStatus receive(std::string& bytes, Deadline deadline) override {
        return link_.receive(bytes, deadline);
    }
    bool hasEnded() const override { return link_.hasEnded(); }
    bool send(Bytes bytes) override { return link_.send(bytes, host_.limits().clientTimeout); }

    Host& host_;
    BlockingLink& link_;
    const std::string& remoteAddress_;
};

}  // namespace nsq::sdk
