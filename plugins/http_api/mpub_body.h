#pragma once

#include <cstdint>
#include <vector>

#include "nsq/sdk/bytes.h"
#include "nsq/sdk/result.h"

/// Bodies of /mpub, taken apart without copying: the messages lie in the body. The error's text is the code
/// to answer with. Sizes in bytes. THREAD: any.
namespace nsq::http_api {

using Messages = sdk::Result<std::vector<sdk::Bytes>>;

/// One message a line; empty lines are none. MSG_TOO_BIG.
Messages splitLines(sdk::Bytes body, std::int64_t maxMsgSize);

/// int32 count, then int32 size and bytes of each, big-endian. What follows is ignored. BAD_BODY for a count
/// that cannot be, BAD_MESSAGE for a size that is out of range or longer than what is left.
Messages splitBinary(sdk::Bytes body, std::int64_t maxMsgSize, std::int64_t maxBodySize);

}  // namespace nsq::http_api
