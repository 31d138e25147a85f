"""National and tax ids outside Europe: one row per document, checked where a check digit is published."""

from __future__ import annotations

from router_ml.guardrails.detectors import checks
from router_ml.guardrails.detectors.documents import Document

_CEDULA = "c[ée]dula|c[ée]dula de identidad|c\\.c\\.|ci"

WORLD = (
    Document(
        "ae_emirates_id",
        checks.luhn,
        r"784[- ]?(?:19|20)\d\d[- ]?\d{7}[- ]?\d",
        "emirates id|eid|هوية",
        alone=r"784-\d{4}-\d{7}-\d",
    ),
    Document("ar_cuit", "ar.cuit", r"(?:20|2[3-7])-?\d{8}-?\d", "cuit|cuil", alone=r"\d\d-\d{8}-\d"),
    Document("ar_dni", None, r"\d{1,2}\.?\d{3}\.?\d{3}", "dni|documento nacional"),
    Document("au_tfn", "au.tfn", r"\d{3} ?\d{3} ?\d{2,3}", "tfn|tax file"),
    Document("au_medicare", checks.australia_medicare, r"[2-6]\d{3} ?\d{5} ?\d(?:[ /]?\d)?", "medicare"),
    Document("br_cpf", "br.cpf", r"\d{3}\.?\d{3}\.?\d{3}-?\d\d", "cpf", alone=r"\d{3}\.\d{3}\.\d{3}-\d\d"),
    Document("br_rg", None, r"\d{1,2}\.\d{3}\.\d{3}-?[\dx]|\d{8}[\dx]?", "rg|registro geral|identidade"),
    Document("br_pis", None, r"\d{3}\.?\d{5}\.?\d\d-?\d", "pis|pasep|nis|nit"),
    Document("ca_sin", "ca.sin", r"\d{3}[ -]?\d{3}[ -]?\d{3}", "sin|nas|social insurance|assurance sociale"),
    Document("cl_rut", "cl.rut", r"\d{1,2}\.?\d{3}\.?\d{3}-?[\dk]", "rut|run", alone=r"\d{1,2}\.\d{3}\.\d{3}-[\dkK]"),
    Document(
        "cn_ric",
        "iso7064.mod_11_2",  # stdnum.cn.ric also looks the district up and fails on retired ones
        r"[1-9]\d{5}(?:19|20)\d\d(?:0\d|1[0-2])[0-3]\d{4}[\dx]",
        "身份证|身份證|居民身份|id card|resident id|identity",
        alone=r"\d{17}[\dXx]",
    ),
    Document("co_nit", "co.nit", r"\d{3}\.?\d{3}\.?\d{3}-?\d", "nit"),
    Document("co_cedula", None, r"\d{1,3}(?:\.\d{3}){2,3}|\d{6,10}", f"{_CEDULA}|cédula de ciudadanía", digits=6),
    Document("cr_cpf", "cr.cpf", r"0?\d-\d{4}-\d{4}", _CEDULA),
    Document("do_cedula", "do.cedula", r"\d{3}-?\d{7}-?\d", _CEDULA, alone=r"\d{3}-\d{7}-\d"),
    Document("ec_ci", "ec.ci", r"\d{9}-?\d", _CEDULA),
    Document("eg_nid", checks.egypt, r"[23]\d{13}", "الرقم القومي|egyptian id|national id"),
    Document("gh_card", None, r"gha-\d{9}-\d", "ghana card"),
    Document("gt_cui", None, r"\d{4} ?\d{5} ?\d{4}", "dpi|cui"),
    Document("hk_hkid", checks.hong_kong, r"[a-z]{1,2}\d{6}\(?[0-9a]\)?", "hkid|hong kong id|香港身份", digits=6),
    Document("id_nik", "id.nik", r"\d{16}", "nik|ktp|nomor induk"),
    Document("id_npwp", "id.npwp", r"\d\d\.?\d{3}\.?\d{3}\.?\d-?\d{3}\.?\d{3}", "npwp"),
    Document("il_id", "il.idnr", r"\d{9}", "teudat zehut|israeli id|תעודת זהות|ת\\.ז"),
    Document("in_aadhaar", "in_.aadhaar", r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}", "aadhaar|aadhar|adhaar|uidai|आधार"),
    Document("in_pan", "in_.pan", r"[a-z]{5}\d{4}[a-z]", "pan|permanent account", r"[A-Z]{5}\d{4}[A-Z]", digits=4),
    Document("in_voter_id", "in_.epic", r"[a-z]{3}\d{7}", "epic|voter id|voter card|मतदाता"),
    Document("ir_melli", checks.iran, r"\d{3}-?\d{6}-?\d|\d{10}", "کد ملی|melli"),
    Document("jp_my_number", checks.japan, r"\d{4}[ -]?\d{4}[ -]?\d{4}", "my number|マイナンバー|個人番号"),
    Document("ke_id", None, r"\d{7,8}", "kenyan id|huduma|kitambulisho"),
    Document("ke_pin", "ke.pin", r"a\d{9}[a-z]", "kra pin|kra", alone=r"A\d{9}[A-Z]"),
    Document("kr_rrn", "kr.rrn", r"\d{6}-?[1-8]\d{6}", "rrn|주민등록|resident registration", alone=r"\d{6}-\d{7}"),
    Document("kz_iin", checks.kazakhstan, r"\d{12}", "иин|iin|жсн"),
    Document("mx_curp", "mx.curp", r"[a-z]{4}\d{6}[hm][a-z]{5}[\da-z]\d", "curp", alone=r"\w{18}"),
    Document(
        "mx_rfc", "mx.rfc", r"[a-zñÑ&]{4} ?\d{6} ?[a-z0-9]{3}", "rfc", alone=r"[A-Z]{4}\d{6}[A-Z0-9]{3}", digits=6
    ),
    Document("my_nric", "my.nric", r"\d{6}-?\d\d-?\d{4}", "mykad|nric|kad pengenalan|ic", alone=r"\d{6}-\d\d-\d{4}"),
    Document("ng_nin", None, r"\d{11}", "nin|bvn|national identification number"),
    Document("nz_ird", "nz.ird", r"\d{2,3}[- ]?\d{3}[- ]?\d{3}", "ird"),
    Document("pe_dni", None, r"\d{8}", "dni"),
    Document(
        "ph_id",
        None,
        r"\d{2}-?\d{7}-?\d|\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}|\d{3}-\d{3}-\d{3}(?:-\d{3})?",
        "sss|philsys|philhealth|pag-?ibig|umid",
    ),
    Document("pk_cnic", "pk.cnic", r"\d{5}-?\d{7}-?\d", "cnic|nadra", alone=r"\d{5}-\d{7}-\d"),
    Document("sa_id", checks.luhn, r"[12]\d{9}", "iqama|saudi id|هوية|إقامة"),
    Document("sg_nric", checks.singapore, r"[stfgm]\d{7}[a-z]", "nric|fin", alone=r"[STFGM]\d{7}[A-Z]"),
    Document(
        "th_pin",
        "th.pin",
        r"\d-?\d{4}-?\d{5}-?\d\d-?\d",
        "thai id|บัตรประชาชน|ประจำตัวประชาชน",
        alone=r"\d-\d{4}-\d{5}-\d\d-\d",
    ),
    Document("tw_id", checks.taiwan, r"[a-z][1289]\d{8}", "身分證|身份證|統一證號|taiwan id"),
    Document("us_itin", "us.itin", r"9\d\d-?\d\d-?\d{4}", "itin|taxpayer", alone=r"9\d\d-\d\d-\d{4}"),
    Document("uy_ci", None, r"\d\.?\d{3}\.?\d{3}-\d", _CEDULA),
    Document("ve_cedula", None, r"[ve]-?\d{1,2}\.?\d{3}\.?\d{3}", _CEDULA),
    Document("vn_cccd", None, r"\d{12}|\d{9}", "cccd|cmnd|căn cước|chứng minh"),
    Document("za_id", "za.idnr", r"\d{13}", "sa id|south african id|id number|rsa id"),
)
