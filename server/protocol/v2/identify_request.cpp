#include "protocol/v2/identify_request.h"

#include <Poco/JSON/Handler.h>
#include <Poco/JSON/Parser.h>

#include <algorithm>
#include <limits>
#include <variant>

#include "protocol/v2/utf8_text.h"

namespace nsq::v2 {

namespace {

using OptionalText = std::optional<std::string>;

/// The deepest nesting of a body (chosen): Poco's parser recurses once a level, and the body is the client's.
constexpr std::size_t kMaxDepth = 128;

/// An integer field and the range of its type in nsqd.
struct Integer {
    std::int64_t IdentifyRequest::*member;
    std::int64_t min = std::numeric_limits<std::int64_t>::min();
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct Field {
    std::string_view name;
    std::variant<OptionalText IdentifyRequest::*, bool IdentifyRequest::*, Integer> target;
};

constexpr Field kFields[] = {
    {"client_id", &IdentifyRequest::clientId},
    {"hostname", &IdentifyRequest::hostname},
    {"user_agent", &IdentifyRequest::userAgent},
    {"feature_negotiation", &IdentifyRequest::featureNegotiation},
    {"tls_v1", &IdentifyRequest::tlsV1},
    {"deflate", &IdentifyRequest::deflate},
    {"snappy", &IdentifyRequest::snappy},
    {"deflate_level", Integer{&IdentifyRequest::deflateLevel}},
    {"heartbeat_interval", Integer{&IdentifyRequest::heartbeatInterval}},
    {"output_buffer_size", Integer{&IdentifyRequest::outputBufferSize}},
    {"output_buffer_timeout", Integer{&IdentifyRequest::outputBufferTimeout}},
    {"sample_rate", Integer{&IdentifyRequest::sampleRate, std::numeric_limits<std::int32_t>::min(),
                            std::numeric_limits<std::int32_t>::max()}},
    {"msg_timeout", Integer{&IdentifyRequest::msgTimeout}},
};

bool equalInAnyCase(std::string_view text, std::string_view lowerCase) {
    return std::ranges::equal(text, lowerCase, [](char a, char b) {
        return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
    });
}

/// Fills in a request from the parser's events, without building a tree of the whole body.
class Decoder final : public Poco::JSON::Handler {
public:
    /// Says which value has a wrong type; empty when none has.
    const std::string& error() const { return error_; }
    IdentifyRequest& request() { return request_; }

    void reset() override {}
    void startObject() override {
        if (depth_ == 1) wrongType("an object");
        ++depth_;
    }
    void endObject() override { --depth_; }
    void startArray() override {
        wrongType("an array");
        ++depth_;
    }
    void endArray() override { --depth_; }

    void key(const std::string& name) override {
        if (depth_ != 1) return;
        const auto* found = std::ranges::find_if(
            kFields, [&](const Field& field) { return equalInAnyCase(name, field.name); });
        field_ = found == std::end(kFields) ? nullptr : found;
    }

    void null() override {}
    void value(int number) override { setInteger(number); }
    void value(unsigned number) override { setInteger(number); }
    void value(Poco::Int64 number) override { setInteger(number); }
    // The parser calls this only for what does not fit into an Int64.
    void value(Poco::UInt64) override { wrongType("a number that is too large"); }
    void value(const std::string& text) override { set<OptionalText>(text, "a string"); }
    void value(double) override { wrongType("a number with a fraction"); }
    void value(bool flag) override { set<bool>(flag, "a boolean"); }

private:
    template <typename T>
    void set(const T& value, std::string_view what) {
        if (depth_ == 1 && field_ != nullptr) {
            if (const auto* member = std::get_if<T IdentifyRequest::*>(&field_->target)) {
                request_.** member = value;
                return;
            }
        }
        wrongType(what);
    }

    void setInteger(std::int64_t number) {
        if (depth_ == 1 && field_ != nullptr) {
            if (const auto* integer = std::get_if<Integer>(&field_->target)) {
                if (number < integer->min || number > integer->max) return wrongType("out of range");
                request_.*integer->member = number;
                return;
            }
        }
        wrongType("a number");
    }

    /// A value that the body itself or the current field cannot have. Elsewhere any value will do.
    void wrongType(std::string_view what) {
        if (depth_ > 1 || (depth_ == 1 && field_ == nullptr) || !error_.empty()) return;
        error_ = depth_ == 0 ? "the body" : field_->name;
        error_ += " is ";
        error_ += what;
    }

    IdentifyRequest request_;
    std::string error_;
    const Field* field_ = nullptr;  ///< the last key of the outermost object, if it is a known one
    int depth_ = 0;                 ///< open objects and arrays
};

sdk::Error badJson(std::string text) {
    return {sdk::ErrorCode::kInvalid, std::move(text)};
}

}  // namespace

sdk::Result<IdentifyRequest> decodeIdentify(std::string_view json) {
    Poco::SharedPtr<Decoder> decoder{new Decoder};
    Poco::JSON::Parser parser{decoder};
    parser.setDepth(kMaxDepth);
    try {
        parser.parse(toValidUtf8(json));
    } catch (const Poco::Exception& exception) {
        return badJson(exception.displayText());
    }
    if (!decoder->error().empty()) return badJson(decoder->error());
    return std::move(decoder->request());
}

}  // namespace nsq::v2
