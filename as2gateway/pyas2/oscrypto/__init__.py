"""What pyas2lib 1.4.4 asks of the package oscrypto, on ``cryptography``.

The released oscrypto does not recognise OpenSSL 3.0.10 and later, so pyas2lib cannot be imported
with it; and its RSA tells a bad padding apart. This has the functions that the adapter makes
pyas2lib call, no others: no files of keys, no RC2, RC4 or DES.
"""
