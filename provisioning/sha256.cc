// OpenSSL's EVP interface.
#include "provisioning/sha256.h"

#include <openssl/evp.h>

#include "mdl/base/check.h"

namespace conduit::provisioning {

namespace {

EVP_MD_CTX* of(const std::unique_ptr<void, void (*)(void*)>& context) {
  return static_cast<EVP_MD_CTX*>(context.get());
}

}  // namespace

Sha256::Sha256()
    : context_(EVP_MD_CTX_new(),
               [](void* context) { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context)); }) {
  const bool is_ready =
      context_ != nullptr && EVP_DigestInit_ex(of(context_), EVP_sha256(), nullptr) == 1;
  CONDUIT_CHECK(is_ready, "OpenSSL has no SHA-256");
}

void Sha256::update(std::string_view bytes) {
  EVP_DigestUpdate(of(context_), bytes.data(), bytes.size());
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(of(context_), digest, &length);
  EVP_DigestInit_ex(of(context_), EVP_sha256(), nullptr);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) {
    text += "0123456789abcdef"[digest[i] >> 4];
    text += "0123456789abcdef"[digest[i] & 15];
  }
  return text;
}

}  // namespace conduit::provisioning
