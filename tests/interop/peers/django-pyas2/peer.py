"""django-pyas2 behind the contract of the live peers: set it up, serve with gunicorn, send what lies in outbox/."""
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import traceback

HASH = {"none": None, "sha-1": "sha1", "sha-224": "sha224", "sha-256": "sha256", "sha-384": "sha384", "sha-512": "sha512"}
CIPHER = {"none": None, "aes-128-cbc": "aes_128_cbc", "aes-192-cbc": "aes_192_cbc", "aes-256-cbc": "aes_256_cbc",
          "des-ede3-cbc": "tripledes_192_cbc", "rc2-128-cbc": "rc2_128_cbc", "rc4-128": "rc4_128_cbc"}
COMPRESS = {"none": False, "before": True}


def set_up(config):
    from django.core.management import call_command
    from pyas2.models import Organization, Partner, PrivateKey, PublicCertificate

    call_command("migrate", verbosity=0)
    own, partner = config["own"], config["partner"]
    pem = open(own["key"], "rb").read() + b"\n" + open(own["certificate"], "rb").read()
    key = PrivateKey.objects.create(name="own", key=pem, key_pass="")
    cert = PublicCertificate.objects.create(name="partner", certificate=open(partner["certificate"], "rb").read(), verify_cert=False)
    Organization.objects.create(name="own", as2_name=own["as2_id"], encryption_key=key, signature_key=key)
    for relation in config["relations"]:
        signed = relation["mdn_signed"] and relation["mdn"] != "none"
        Partner.objects.create(
            name=relation["as2_id"], as2_name=relation["as2_id"], target_url=relation["url"], content_type=config["content_type"],
            compress=COMPRESS[relation["compress"]], encryption=CIPHER[relation["encrypt"]], encryption_cert=cert,
            signature=HASH[relation["sign"]], signature_cert=cert, mdn=relation["mdn"] != "none",
            mdn_mode={"none": None, "sync": "SYNC", "async": "ASYNC"}[relation["mdn"]],
            mdn_sign=(HASH[relation["sign"]] or "sha256") if signed else None)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def serve(config):
    """gunicorn as a child; returns when it listens."""
    where = "127.0.0.1:%d" % config["port"]
    here = os.path.dirname(os.path.abspath(__file__))
    paths = os.pathsep.join([here, os.path.join(here, ".deps")])
    child = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--bind", where, "--workers", "1", "--threads", "4", "--timeout", "600",
         "--graceful-timeout", "2", "--no-control-socket", "--log-level", "warning", "as2site:application"],
        cwd=config["home"], env={**os.environ, "PYTHONPATH": paths}, stdout=sys.stderr, preexec_fn=die_with_parent)
    while child.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", config["port"]), 1).close()
            return child
        except OSError:
            time.sleep(0.05)
    sys.exit("gunicorn did not start")


def send_what_waits(config, event):
    from django.core.management import call_command
    for relation in config["relations"]:
        folder = os.path.join("outbox", relation["as2_id"])
        for name in sorted(n for n in os.listdir(os.path.join(config["home"], folder)) if not n.startswith(".")):
            path = os.path.join(folder, name)
            try:
                call_command("sendas2message", config["own"]["as2_id"], relation["as2_id"], path)
            except Exception as e:
                traceback.print_exc()
                event("send-failed", None, reason=repr(e))
            os.unlink(os.path.join(config["home"], path))


def main():
    os.environ["AS2_PEER"] = os.path.abspath(sys.argv[1])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    import as2site
    from django.core.management import call_command
    from pyas2.models import Mdn, MdnManager

    # The product writes an MDN's row, then its headers, then its body, and its command, which runs beside that, would save
    # a row that it has read too early over the finished one. So this process does not see a row before it is whole.
    every_row = MdnManager.get_queryset
    MdnManager.get_queryset = lambda manager: every_row(manager).exclude(payload="")

    config = as2site.CONFIG
    folders = ["inbox"]
    for relation in config["relations"]:
        folders.append(os.path.join("outbox", relation["as2_id"]))
        for given, known in (("sign", HASH), ("encrypt", CIPHER), ("compress", COMPRESS)):
            if relation[given] not in known:
                sys.exit("django-pyas2 has no %s=%s" % (given, relation[given]))
    for folder in folders:
        os.makedirs(os.path.join(config["home"], folder), exist_ok=True)
    set_up(config)
    child = serve(config)
    try:
        print("ready", flush=True)
        while child.poll() is None:
            send_what_waits(config, as2site.event)
            if Mdn.objects.filter(status="P").exists():
                call_command("manageas2server", async_mdns=True, stdout=sys.stderr)
            time.sleep(0.2)
    finally:
        child.terminate()
        child.wait()


if __name__ == "__main__":
    main()
