#pragma once

#include <cstdint>

namespace nsq::sdk {

/// Plugins built against another major version are refused: something they rely on was changed or removed.
inline constexpr std::uint32_t kSdkMajor = 1;

/// Plugins built against a higher minor version are refused: they may use what this host does not have yet.
inline constexpr std::uint32_t kSdkMinor = 0;

}  // namespace nsq::sdk
