// SHA-256 of bytes as they come. OpenSSL stands behind it and nowhere else.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace conduit::provisioning {

class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  std::string hex();  // of all that came, in lower case; starts anew

 private:
  std::unique_ptr<void, void (*)(void*)> context_;
};

}  // namespace conduit::provisioning
