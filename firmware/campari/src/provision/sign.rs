//! The city's authority answers a board's request. Any other authority that signs PKCS#10 will do (`openssl x509 -req`); this is the one at hand.

use super::files::{needed, write};
use super::order::Order;
use super::{CERTIFICATE, FOLDER, ORDER, ProvisionError, REQUEST, content};
use crate::keys::read_secret;
use contract::CameraId;
use rcgen::{CertificateSigningRequestParams, DnType, DnValue, ExtendedKeyUsagePurpose, Issuer, KeyPair, SerialNumber};
use std::path::Path;
use std::time::Duration;

/// A clock that is late must not make a certificate of today one of tomorrow.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);

/// Signs the request on the stick with the boards' authority; gives whose it is. Of the request only the key is taken: the name is the order's, and what it
/// is good for is stated here.
///
/// # Errors
/// [`ProvisionError`]; a request for another camera than the stick's order is refused.
pub fn sign(stick: &Path, ca: &Path, ca_key: &Path, lasts: Duration) -> Result<CameraId, ProvisionError> {
    let folder = stick.join(FOLDER);
    let order = Order::of(stick)?
        .ok_or_else(|| content(&folder.join(ORDER), "not there; `campari provision prepare` makes it"))?;
    let path = folder.join(REQUEST);
    let mut request = CertificateSigningRequestParams::from_pem(&needed(&path)?)
        .map_err(|cause| content(&path, format!("no request for a certificate: {cause}")))?;
    let camera = order.camera.camera;
    let asked = match request.params.distinguished_name.get(&DnType::CommonName) {
        Some(DnValue::Utf8String(name)) => name.as_str(),
        Some(DnValue::PrintableString(name)) => name.as_str(),
        _ => "",
    };
    if asked != camera.as_str() {
        return Err(content(&path, format!("it asks for `{asked}`, the order is for camera {camera}")));
    }
    let secret = read_secret(ca_key).map_err(|cause| content(ca_key, cause))?;
    let certificate = |what| move |cause| ProvisionError::Certificate { what, cause };
    let key = KeyPair::from_pem(&String::from_utf8_lossy(&secret)).map_err(certificate("the authority's key"))?;
    let issuer = Issuer::from_ca_cert_pem(&needed(ca)?, key).map_err(certificate("the authority's certificate"))?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, camera.as_str());
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(rand::random::<[u8; 16]>().to_vec()));
    let now = std::time::SystemTime::now();
    params.not_before = (now - BACKDATED).into();
    params.not_after = (now + lasts).into();
    params.use_authority_key_identifier_extension = true;
    request.params = params;
    let signed = request.signed_by(&issuer).map_err(certificate("the board's certificate"))?;
    write(&folder.join(CERTIFICATE), &signed.pem(), 0o644, None)?;
    Ok(camera)
}
