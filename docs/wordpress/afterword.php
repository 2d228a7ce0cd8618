<?php
/**
 * Plugin Name: Afterword
 * Description: Tells an Afterword service about posts, and leads readers from each post to its comments there.
 * Version: 1.0
 * Requires at least: 5.6
 * Requires PHP: 7.4
 * License: MIT
 *
 * Put this file into wp-content/plugins and these lines into wp-config.php:
 *
 *     define( 'AFTERWORD_URL', 'https://comments.example.org' );
 *     define( 'AFTERWORD_KEY', 'awk_…' ); // manage.py create_api_key my-site --scope articles
 */

if ( ! defined( 'ABSPATH' ) ) {
	exit;
}

/** The post types that are sent. */
function afterword_types() {
	return apply_filters( 'afterword_types', array( 'post', 'page' ) );
}

/** What Disqus' own plugin calls a post, so that its threads there and the article here are one. */
function afterword_identifier( WP_Post $post ) {
	return $post->ID . ' ' . $post->guid;
}

/**
 * What the service is told of a post. One that is not public has no date, which hides the article, and no address:
 * WordPress gives drafts and the trash others, under which nobody will ever look for it.
 */
function afterword_article( WP_Post $post ) {
	$is_public = 'publish' === $post->post_status && '' === $post->post_password;
	$image     = get_the_post_thumbnail_url( $post, 'full' );
	$tags      = wp_get_post_terms( $post->ID, 'post_tag', array( 'fields' => 'names' ) );
	$article   = array(
		'identifier'    => afterword_identifier( $post ),
		'title'         => html_entity_decode( get_the_title( $post ), ENT_QUOTES, 'UTF-8' ),
		'summary'       => html_entity_decode( wp_strip_all_tags( $post->post_excerpt ), ENT_QUOTES, 'UTF-8' ),
		'author_name'   => get_the_author_meta( 'display_name', (int) $post->post_author ),
		'tags'          => is_wp_error( $tags ) ? array() : array_slice( $tags, 0, 50 ),
		'image'         => $image ? $image : '',
		'comments_open' => 'open' === $post->comment_status,
		'published_at'  => $is_public ? get_post_time( 'Y-m-d\TH:i:s\Z', true, $post ) : null,
	);
	return $is_public ? $article + array( 'url' => get_permalink( $post ) ) : $article;
}

/** Puts an article, which may be done any number of times; true if the service took it. */
function afterword_put( WP_Post $post ) {
	$answer = wp_remote_request(
		untrailingslashit( AFTERWORD_URL ) . '/api/v1/articles',
		array(
			'method'  => 'PUT',
			'timeout' => 10,
			'headers' => array(
				'Authorization' => 'Bearer ' . AFTERWORD_KEY,
				'Content-Type'  => 'application/json',
			),
			'body'    => wp_json_encode( afterword_article( $post ) ),
		)
	);
	$article = json_decode( wp_remote_retrieve_body( $answer ), true );
	if ( ! in_array( wp_remote_retrieve_response_code( $answer ), array( 200, 201 ), true ) || empty( $article['page'] ) ) {
		return false;
	}
	update_post_meta( $post->ID, '_afterword_page', esc_url_raw( $article['page'] ) );
	return true;
}

/** Sends a post from cron, again an hour later where the service does not take it, five times at most. */
function afterword_send( $post_id, $attempt = 1 ) {
	$post = get_post( $post_id );
	if ( $post instanceof WP_Post && ! afterword_put( $post ) && $attempt < 5 ) {
		wp_schedule_single_event( time() + HOUR_IN_SECONDS, 'afterword_send', array( $post_id, $attempt + 1 ) );
	}
}

/** A post that was ever public, or is now, is sent when it is saved; nobody who saves waits for it. */
function afterword_saved( $post_id, WP_Post $post ) {
	if ( wp_is_post_revision( $post ) || ! in_array( $post->post_type, afterword_types(), true ) ) {
		return;
	}
	if ( 'publish' === $post->post_status || get_post_meta( $post_id, '_afterword_page', true ) ) {
		wp_schedule_single_event( time(), 'afterword_send', array( $post_id ) );
	}
}

/** Leads from a post to what is said about it. */
function afterword_link( $content ) {
	$page = is_singular( afterword_types() ) && in_the_loop() ? get_post_meta( get_the_ID(), '_afterword_page', true ) : '';
	if ( ! $page || post_password_required() ) {
		return $content;
	}
	$link = '<p class="afterword"><a href="%s#comments">%s</a> · <a href="%s#follow">%s</a></p>';
	return $content . sprintf( $link, esc_url( $page ), esc_html__( 'Comments' ), esc_url( $page ), 'Follow by e-mail' );
}

/** A post that is about to be deleted is hidden at the service. */
function afterword_deleted( $post_id ) {
	$post = get_post( $post_id );
	if ( $post instanceof WP_Post && get_post_meta( $post_id, '_afterword_page', true ) ) {
		$post->post_status = 'trash';
		afterword_put( $post );
	}
}

if ( defined( 'AFTERWORD_URL' ) && defined( 'AFTERWORD_KEY' ) ) {
	add_action( 'wp_after_insert_post', 'afterword_saved', 10, 2 );
	add_action( 'afterword_send', 'afterword_send', 10, 2 );
	add_action( 'before_delete_post', 'afterword_deleted' );
	add_filter( 'the_content', 'afterword_link' );
}
