# FILE → LITERAL: its text as a raw string literal, a comma, and its ETag (the beginning of its SHA-256) as another.
file(READ ${FILE} text)
string(SHA256 hash "${text}")
string(SUBSTRING ${hash} 0 16 tag)
file(WRITE ${LITERAL} "R\"page(${text})page\", \"\\\"${tag}\\\"\"\n")
