#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "options/options.h"

namespace nsq::options {

/// Where an option is kept; its type is the option's type. A vector is given many times, an array in the
/// file; one of numbers can be given as a text with commas as well. The numbers are parts of 1.
using Field = std::variant<bool Options::*, std::int64_t Options::*, Duration Options::*,
                           std::string Options::*, LogLevel Options::*, std::vector<std::string> Options::*,
                           std::vector<double> Options::*, TlsRequired Options::*, TlsVersion Options::*>;

/// Headings of --help, in this order.
enum class Group {
    kGeneral,
    kLogging,
    kNetwork,
    kTls,
    kStorage,
    kMessages,
    kClients,
    kStatistics,
    kLookup,
    kPlugins,
    kIgnored
};

/// Smallest and largest value: of an integer, or of a duration in nanoseconds.
struct Range {
    std::int64_t least = std::numeric_limits<std::int64_t>::min();
    std::int64_t most = std::numeric_limits<std::int64_t>::max();
};

/// All there is to know about one option. Flags, --help, the configuration file, GET and PUT /config and the
/// README's table are made from these.
struct OptionSpec {
    std::string_view flag;
    std::string_view key;  ///< in the configuration file and in /config; empty: it is in neither
    Group group;
    Field field;
    std::string_view help;
    std::string_view defaultNote;  ///< tells the default where it is not that of Options{}
    Range range;
    bool runtime = false;                         ///< can be changed by PUT /config
    bool isAddress = false;                       ///< see ListenAddress; of a vector: see parsePeer
    bool canBeEmpty = false;                      ///< an address, or one of choices: empty is for none
    std::span<const std::string_view> choices{};  ///< of a string: what it may be; empty: anything
    bool needsText = false;                       ///< of a string: empty is not a way to leave it out
    bool isSecret = false;                        ///< a token: neither it nor a wrong one is ever shown
    bool isRemote = false;                        ///< an address to send to: a host and a port, or empty
};

/// Every option of a program, by group.
std::span<const OptionSpec> optionTable(Program program);

/// Null when the program has none of that name.
const OptionSpec* findFlag(Program program, std::string_view flag);
const OptionSpec* findKey(Program program, std::string_view key);

bool isBool(const OptionSpec& spec);

/// The flag alone says true, and the next argument is not its value.
bool isSwitch(const OptionSpec& spec);
bool isNumbers(const OptionSpec& spec);
bool isRepeatable(const OptionSpec& spec);

std::string_view groupName(Group group);

/// "int", "duration", ...; empty for a bool, whose flag needs no value.
std::string_view typeName(const OptionSpec& spec);

/// The program's default as --help and the README show it.
std::string defaultText(Program program, const OptionSpec& spec);

}  // namespace nsq::options
