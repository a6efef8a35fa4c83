SUMMARY = "Campari's detector: int8 TensorFlow Lite models"
DESCRIPTION = "Each is compared with the sha256 that models/manifest.toml has for it."
SECTION = "multimedia"

require recipes-campari/campari/campari-archive.inc

# The models are fine-tuned from CenterFace (MIT); models/cards says from what and with what attribution.
LICENSE = "Apache-2.0 & MIT"
LIC_FILES_CHKSUM += "file://${COMMON_LICENSE_DIR}/MIT;md5=0835ade698e0bcf8506ecda2f7b4f302"

inherit allarch

do_configure[noexec] = "1"

# The eye compares them too, each time that it starts; here a wrong one does not reach an image at all.
python do_compile() {
    import hashlib, re
    models = os.path.join(d.getVar("S"), "models")
    with open(os.path.join(models, "manifest.toml")) as manifest:
        pinned = re.findall(r'^file = "([^"/]+)"\nsha256 = "([0-9a-f]{64})"$', manifest.read(), re.MULTILINE)
    if not pinned:
        bb.fatal("models/manifest.toml names no model")
    for name, sha256 in pinned:
        with open(os.path.join(models, name), "rb") as model:
            found = hashlib.sha256(model.read()).hexdigest()
        if found != sha256:
            bb.fatal("models/%s has sha256 %s; manifest.toml says %s" % (name, found, sha256))
        bb.note("%s: sha256 as manifest.toml says" % name)
    with open(os.path.join(d.getVar("B"), "compared"), "w") as compared:
        compared.write("".join(name + "\n" for name, _ in pinned))
}

do_install() {
    install -d ${D}${datadir}/campari/models/cards
    install -m 0644 ${S}/models/manifest.toml ${D}${datadir}/campari/models/
    while read -r model; do
        install -m 0644 ${S}/models/$model ${D}${datadir}/campari/models/
        install -m 0644 ${S}/models/cards/$(basename $model .tflite).md ${D}${datadir}/campari/models/cards/
    done < ${B}/compared
}

FILES:${PN} = "${datadir}/campari/models"
