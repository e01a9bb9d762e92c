#include "http/bearer_token.h"

#include <Poco/String.h>

#include <algorithm>
#include <string_view>

namespace nsq::http {

namespace {

/// Looks at all of `given`, whatever differs.
bool isSame(std::string_view given, std::string_view token) {
    unsigned difference = given.size() == token.size() ? 0 : 1;
    for (std::size_t i = 0; i < given.size(); ++i) {
        difference |=
            static_cast<unsigned char>(given[i]) ^ static_cast<unsigned char>(token[i % token.size()]);
    }
    return difference == 0;
}

}  // namespace

bool BearerToken::replace(const std::string& token) {
    const std::lock_guard lock(mutex_);
    if (token == token_) return false;
    token_ = token;
    return true;
}

bool BearerToken::isBornBy(const sdk::HttpRequest& request) const {
    constexpr std::string_view kScheme = "Bearer ";
    const std::string* header = request.header("authorization");
    if (header == nullptr || Poco::icompare(*header, 0, kScheme.size(), std::string{kScheme}) != 0)
        return false;
    std::string_view given{*header};
    given.remove_prefix(std::min(given.find_first_not_of(' ', kScheme.size()), given.size()));
    const std::lock_guard lock(mutex_);
    return isSame(given, token_);
}

}  // namespace nsq::http
