"""What moto's launch templates lack: versions that are deleted. Their numbers are never given again."""

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidLaunchTemplateVersionNotFound
from moto.ec2.models.launch_templates import LaunchTemplateBackend
from moto.ec2.responses.launch_templates import LaunchTemplates


def delete_versions():
    """From here on DeleteLaunchTemplateVersions is answered, and what is deleted is shown no more."""
    plain = LaunchTemplateBackend.describe_launch_template_versions

    def described(self, *args, **kwargs):
        found = plain(self, *args, **kwargs)
        named = kwargs.get("versions") or []
        for template, version in found:
            if named and is_gone(version):
                raise InvalidLaunchTemplateVersionNotFound(template_id=template.id, version=version.number)
        return [(template, version) for template, version in found if not is_gone(version)]

    def deleted(self):
        template = self.ec2_backend.get_launch_template(self._get_param("LaunchTemplateId"))
        self.error_on_dryrun()
        done, left = [], []
        for number in self._get_param("Versions", []):
            said = {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionNumber": int(number),
            }
            version = next((v for v in template.versions if str(v.number) == str(number)), None)
            if version is None or is_gone(version):
                code = "launchTemplateVersionDoesNotExist"
                left.append({**said, "ResponseError": {"Code": code, "Message": "It does not exist."}})
            elif template.is_default(version):
                code = "unexpectedError"
                left.append({**said, "ResponseError": {"Code": code, "Message": "It is the default."}})
            else:
                version.is_gone = True
                done.append(said)
        return ActionResult({
            "SuccessfullyDeletedLaunchTemplateVersions": done,
            "UnsuccessfullyDeletedLaunchTemplateVersions": left,
        })

    LaunchTemplateBackend.describe_launch_template_versions = described
    LaunchTemplates.delete_launch_template_versions = deleted


def is_gone(version):
    return getattr(version, "is_gone", False)
