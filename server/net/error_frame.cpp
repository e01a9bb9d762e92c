#include "net/error_frame.h"

#include "nsq/sdk/message.h"

namespace nsq::net {

void writeErrorFrame(sdk::Output& output, std::string_view text) {
    constexpr std::size_t kTypeBytes = 4;
    std::byte* frame = output.extend(sdk::frame::kSizeBytes + kTypeBytes);
    sdk::storeBig(frame, static_cast<std::int32_t>(kTypeBytes + text.size()));
    sdk::storeBig(frame + sdk::frame::kSizeBytes, sdk::frame::kTypeError);
    output.write(sdk::asBytes(text));
}

}  // namespace nsq::net
