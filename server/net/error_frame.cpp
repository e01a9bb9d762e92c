#include "net/error_frame.h"

#include "nsq/sdk/message.h"

namespace nsq::net {

void writeError(sdk::Output& output, ErrorForm form, std::string_view text) {
    constexpr std::size_t kTypeBytes = 4;
    const bool hasType = form == ErrorForm::kFrame;
    sdk::storeBig(output.extend(sdk::frame::kSizeBytes),
                  static_cast<std::int32_t>(text.size() + (hasType ? kTypeBytes : 0)));
    if (hasType) sdk::storeBig(output.extend(kTypeBytes), sdk::frame::kTypeError);
    output.write(sdk::asBytes(text));
}

}  // namespace nsq::net
