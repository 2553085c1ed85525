"""Where the ground reaches the stages: by name, imported at the moment of use.

Converters, runtime and devices import the ground and never each other; the
command line and the Python face find them here. A test loads every entry.
"""

from __future__ import annotations

import importlib
from typing import Any

ENTRIES = {
    "address": "edgenets.devices.address:parse_address",
    "anomaly_run": "edgenets.runtime.anomalyrun:AnomalyRun",
    "bench": "edgenets.runtime.bench:bench",
    "choose": "edgenets.runtime.choose:choose",
    "compare": "edgenets.converters.compare.compare:compare",
    "compare_claims": "edgenets.converters.compare.textbook:claims",
    "compare_json": "edgenets.converters.compare.page:as_json",
    "compare_page": "edgenets.converters.compare.page:write",
    "convert": "edgenets.converters.convert:convert",
    "convert_run": "edgenets.converters.road:convert_run",
    "board": "edgenets.devices.board:load",
    "board_names": "edgenets.devices.board:names",
    "board_of_model": "edgenets.devices.board:of_model",
    "deploy": "edgenets.devices.deploy.deploy:deploy",
    "deploy_all": "edgenets.devices.deploy.deploy:deploy_all",
    "deploy_health": "edgenets.devices.keeper.release:Health",
    "deploy_listener": "edgenets.devices.deploy.deploy:Listener",
    "deploy_supply": "edgenets.devices.deploy.compose:Supply",
    "deploy_wishes": "edgenets.devices.deploy.needs:Wishes",
    "device_logs": "edgenets.devices.deploy.manage:logs",
    "device_look": "edgenets.devices.deploy.manage:look",
    "device_remove": "edgenets.devices.deploy.manage:remove",
    "device_rollback": "edgenets.devices.deploy.manage:roll_back",
    "device_status": "edgenets.devices.deploy.manage:status",
    "evaluate": "edgenets.runtime.evaluate:evaluate",
    "evaluate_anomaly": "edgenets.runtime.evaluate_series:evaluate_anomaly",
    "evaluate_forecast": "edgenets.runtime.evaluate_series:evaluate_forecast",
    "evaluate_language": "edgenets.runtime.evaluate_text:evaluate_language",
    "evaluate_texts": "edgenets.runtime.evaluate_text:evaluate_texts",
    "evaluate_speech": "edgenets.runtime.evaluate_speech:evaluate_speech",
    "evaluate_pictures": "edgenets.runtime.evaluate_pictures:evaluate_pictures",
    "first_boot": "edgenets.devices.flash.first_boot:FirstBoot",
    "fleet_ask": "edgenets.devices.fleet.fleet:ask",
    "fleet_deploy": "edgenets.devices.fleet.fleet:deploy",
    "fleet_plan": "edgenets.devices.fleet.fleet:Plan",
    "flash": "edgenets.devices.flash.flash:flash",
    "flash_confirmation": "edgenets.devices.flash.flash:confirmation",
    "flash_confirmed": "edgenets.devices.flash.flash:confirmed",
    "flash_disks": "edgenets.devices.flash.disks:disks",
    "flash_mendel": "edgenets.devices.flash.mendel:flash_mendel",
    "flash_proof": "edgenets.devices.flash.flash:Proof",
    "follow": "edgenets.devices.update.follow:follow",
    "import_microwakeword": "edgenets.converters.microwakeword:bundle_of",
    "import_picture_model": "edgenets.converters.foreign:import_picture_model",
    "import_wishes": "edgenets.converters.foreign:Wishes",
    "load_session": "edgenets.runtime.choose:load",
    "offline_files": "edgenets.devices.flash.offline:files",
    "own_python": "edgenets.devices.deploy.ownpython:read",
    "pack_run": "edgenets.converters.road:pack_run",
    "preflight": "edgenets.devices.preflight:preflight",
    "preflight_of_board": "edgenets.devices.preflight:of_board",
    "preflight_of_machine": "edgenets.devices.preflight:of_machine",
    "preflight_verdict": "edgenets.devices.preflight:verdict",
    "report_json": "edgenets.converters.report:as_json",
    "report_page": "edgenets.converters.report:write",
    "report_section": "edgenets.converters.report:Section",
    "report_svg": "edgenets.converters.report:to_svg",
    "run": "edgenets.runtime.stream:Run",
    "conversion_told": "edgenets.converters.routes.apart:told",
    "convert_apart": "edgenets.converters.routes.apart:convert",
    "explain_apart": "edgenets.converters.routes.apart:explain",
    "verify_apart": "edgenets.converters.routes.apart:verify",
    "selftest": "edgenets.runtime.selftest:selftest",
    "shelf": "edgenets.devices.update.shelf:Shelf",
    "telling": "edgenets.runtime.vitals:telling",
    "train": "edgenets.training.train:train",
    "twin_build": "edgenets.devices.twin.base:build",
    "twin_every": "edgenets.devices.twin.twin:every",
    "twin_find": "edgenets.devices.twin.twin:find",
    "twin_up": "edgenets.devices.twin.twin:up",
    "verify_run": "edgenets.converters.road:verify_run",
    "wifi": "edgenets.devices.flash.first_boot:Wifi",
    "series_run": "edgenets.runtime.seriesrun:SeriesRun",
    "text_run": "edgenets.runtime.textrun:TextRun",
    "evaluate_translation": "edgenets.runtime.evaluate_translation:evaluate_translation",
    "translation_run": "edgenets.runtime.translationrun:TranslationRun",
    "watch": "edgenets.runtime.watch:Watch",
    "writing": "edgenets.runtime.textrun:Writing",
}


def stage(name: str) -> Any:
    """The function or class of an entry."""
    module, _, attribute = ENTRIES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
