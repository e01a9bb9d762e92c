#pragma once

#include <cstdint>

#include "nsq/sdk/bytes.h"

namespace nsq {

/// CRC-32C (Castagnoli), as iSCSI (RFC 3720) defines it. THREAD: any.
std::uint32_t crc32c(sdk::Bytes bytes);

}  // namespace nsq
