// Host names and their labels: LDH labels (RFC 1123), and the U-labels and A-labels of IDNA 2008
// (RFC 5890 to 5893). The idea: what a label's characters must be, beside which neighbours and in
// which direction is regular, so it is written as patterns; that an A-label is the Punycode of a
// U-label is not, so it is decoded and its U-label is asked for.
#pragma once

#include <string_view>

#include "mdl/base/result.h"
#include "mdl/regex.h"

namespace conduit::mdl {

// A pattern of LDH labels that begin with no "xx--", in a group.
std::string_view ldh_label_pattern();
// Names of LDH labels; of LDH labels and U-labels. No A-labels.
Result<Regexes::Id> host_name_expression(Regexes& regexes);
Result<Regexes::Id> idn_host_name_expression(Regexes& regexes);
// A-labels included.
Result<bool> is_host_name(Regexes& regexes, std::string_view text);
Result<bool> is_idn_host_name(Regexes& regexes, std::string_view text);

}  // namespace conduit::mdl
