# ruff: noqa: N999 - Django's name for a migration
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.AlterField("event", "type", models.CharField(max_length=80, db_index=True)),
        migrations.AlterField("payload", "salts", models.TextField(default="{}")),
        migrations.AlterField("stream", "head", models.CharField(max_length=128, blank=True)),
    ]
