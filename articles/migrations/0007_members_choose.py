from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('articles', '0006_source_feeds'),
    ]

    operations = [
        migrations.AddField(
            model_name='member',
            name='summary',
            field=models.BooleanField(db_default=True, default=True, help_text='Owners get a summary of each week, unless they want no notices.'),
        ),
        migrations.AlterField(
            model_name='member',
            name='notice',
            field=models.CharField(choices=[('immediate', 'at once'), ('daily', 'once a day'), ('none', 'nothing')], default='immediate', help_text='How often held comments are told of.', max_length=16),
        ),
    ]
